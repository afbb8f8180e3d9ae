"""Directories of tenants, keys and PACS, and identity providers, as services need them."""
