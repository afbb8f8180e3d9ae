"""Storing what clients send into a PACS."""
