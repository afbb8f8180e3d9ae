"""How storing ends, in DICOM's words, and the port of the spool."""
