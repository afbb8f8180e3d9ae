"""Codecs: frames as stored to pixels, and to frames in other transfer syntaxes.

The libraries are loaded when a frame needs them, so importing this costs next to nothing.
"""

from radgate_server.adapters.imaging.codecs.decoding import (
    decode_frame,
    decode_reduced,
    decoded_array,
    reduced_array,
)
from radgate_server.adapters.imaging.codecs.transcoding import transcode_frame

__all__ = ["decode_frame", "decode_reduced", "decoded_array", "reduced_array", "transcode_frame"]
