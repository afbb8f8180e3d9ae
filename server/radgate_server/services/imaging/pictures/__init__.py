"""Rendered pictures and thumbnails, and what stands for a series or study."""
