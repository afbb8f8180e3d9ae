"""Frames for viewers as they come, a low resolution first."""
