"""Frames to pictures: the grayscale and colour pipelines of PS3.4 N.2, geometry, encoding (docs/rendering.md)."""

from radgate_server.adapters.imaging.rendering.pipeline import render

__all__ = ["render"]
