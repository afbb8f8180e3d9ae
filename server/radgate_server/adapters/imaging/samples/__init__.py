"""Samples between codecs and the containers of Pixel Data."""
