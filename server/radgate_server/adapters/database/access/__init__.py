"""Tenants, keys and limits in the database."""
