"""Metrics in a registry of prometheus_client."""
