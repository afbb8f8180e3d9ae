"""Traces, certificates and what all lines of log have in common."""
