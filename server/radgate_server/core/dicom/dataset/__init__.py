"""Reading and writing encoded data sets without copying them (PS3.5), and the DICOM JSON model (PS3.18 F)."""
