"""Associations: negotiated, opened, pooled (PS3.8 7.1)."""
