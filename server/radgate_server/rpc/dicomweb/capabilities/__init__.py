"""Retrieve Capabilities (PS3.18 8.9)."""
