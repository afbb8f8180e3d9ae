"""Coherence of the caches: revalidation, invalidation, notification of changes."""
