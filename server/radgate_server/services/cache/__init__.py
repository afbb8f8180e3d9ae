"""Keeping caches true: revalidated, invalidated, told of changes."""
