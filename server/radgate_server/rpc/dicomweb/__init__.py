"""DICOMweb (PS3.18) over the same services as the typed API: queries and retrieves as browsers' viewers know them."""
