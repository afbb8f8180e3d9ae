"""Reports on the audit trail: made when asked for, and at regular times."""
