"""Secrets that do not print, and the ports to whatever keeps them."""
