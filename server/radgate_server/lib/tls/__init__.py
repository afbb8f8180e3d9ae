"""Certificates and keys, wherever they lie."""
