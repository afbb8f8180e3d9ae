"""The audit trail in transit: spooled for the database, exported to others who keep it."""
