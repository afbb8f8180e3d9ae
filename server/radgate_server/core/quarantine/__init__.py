"""Refused instances, as they are stored for administrators."""
