"""PACS, their states and their failover in the database."""
