"""Pixels: codecs, rendering, and the processes in which both run."""
