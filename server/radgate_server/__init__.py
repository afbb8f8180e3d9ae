"""Radgate's server: one typed door in front of every PACS."""

__version__ = "0.2.0"
