"""Searching all PACS of a tenant at once."""
