"""Recording, verifying, searching and exporting the audit trail."""
