"""Reports on the audit trail: what they contain, how it is counted, and how it is written. Pure."""
