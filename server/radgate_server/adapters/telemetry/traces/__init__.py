"""Traces, recorded and sent to a collector."""
