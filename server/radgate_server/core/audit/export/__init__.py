"""Records of the audit trail in the forms that others read: DICOM Audit Messages, FHIR AuditEvents, syslog."""
