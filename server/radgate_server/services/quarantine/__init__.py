"""Storing refused instances, and giving them to administrators."""
