"""Tells operators what is wrong, for sites without Prometheus: rules over the server's own metrics, and deliveries."""
