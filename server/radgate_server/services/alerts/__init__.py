"""Notifies operators at sites without Prometheus: rules over the server's own metrics, and deliveries."""
