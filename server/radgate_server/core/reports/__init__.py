"""Reports on the audit trail: what they tell, how it is counted, and how it is written. Pure."""
