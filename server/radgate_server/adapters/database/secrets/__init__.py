"""Sealed secrets, fingerprints and wrapped keys in the database."""
