"""Secrets: read when they are needed, wrapped anew when their key rotates, and who may refer to which."""
