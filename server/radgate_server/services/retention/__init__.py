"""What is kept, for how long, and how it is erased: records of the audit trail, cached data."""
