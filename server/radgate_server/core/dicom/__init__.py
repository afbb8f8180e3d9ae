"""Reading encoded DICOM without copying it: data elements, the JSON model, frames. Pure: bytes in, values out."""
