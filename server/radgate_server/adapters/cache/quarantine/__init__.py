"""Refused instances on the local disk."""
