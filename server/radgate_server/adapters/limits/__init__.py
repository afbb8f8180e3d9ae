"""Limits that servers share."""
