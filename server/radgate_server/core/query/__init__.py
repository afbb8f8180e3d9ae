"""Queries, answers, and matching the one against the other (PS3.4 C.2.2.2)."""
