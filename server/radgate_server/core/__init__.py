"""Vocabulary and rules, free of I/O. Depends on nothing else of the server."""
