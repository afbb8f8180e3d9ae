"""Erasing records and cached data, as services need it."""
