"""Pixel Data as it is stored (PS3.5 8, A): where frames lie, and how they are written."""
