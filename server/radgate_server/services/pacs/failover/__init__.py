"""Primaries and their backups: who is active, how calls go on elsewhere, how health is watched."""
