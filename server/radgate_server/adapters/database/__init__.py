"""Tenants, keys, PACS, failover, changes and the audit trail in SQLite or PostgreSQL."""
