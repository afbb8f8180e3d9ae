"""DICOMweb by way of a content delivery network: redirects to it, and answers for it."""
