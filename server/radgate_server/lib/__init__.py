"""Technique that knows nothing of DICOM or of Radgate: sealed files, multipart bodies, caches of values, look-ahead."""
