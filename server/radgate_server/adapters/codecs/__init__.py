"""Codecs: compressed frames to pixels."""
