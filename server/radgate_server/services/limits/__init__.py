"""Keeping calls within the limits of their tenant and of their key."""
