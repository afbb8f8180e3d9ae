"""The audit trail on its way: spooled for the database, exported to others who keep it."""
