"""Secrets: read when they are needed, wrapped again when their key rotates, and who may refer to which."""
