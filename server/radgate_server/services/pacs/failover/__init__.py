"""Primaries and their backups: who is active, how calls continue elsewhere, how health is watched."""
