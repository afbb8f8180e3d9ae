"""Deflated Image Frame Compression (PS3.5 A.4.13): a native frame through RFC 1951."""

import zlib

from radgate_server.adapters.imaging.codecs import native
from radgate_server.adapters.imaging.samples.containers import Array, Encoded, Samples
from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel
from radgate_server.core.errors import InstanceMalformedError
from radgate_server.core.imaging.frames import EncodeTarget

_RAW = -zlib.MAX_WBITS


def decode(data: bytes, image: ImagePixel) -> Samples:
    """Inflate no further than the frame is long, whatever the bytes would become."""
    inflater = zlib.decompressobj(_RAW)
    frame = inflater.decompress(data, native.frame_bytes(image) + 1)
    if len(frame) > native.frame_bytes(image) + 1 or (not inflater.eof and inflater.decompress(b"", 1)):
        raise InstanceMalformedError("a deflated frame is longer than the data set says")
    if not inflater.eof:
        raise InstanceMalformedError("a deflated frame is cut off")
    return native.decode(frame, image)


def encode(samples: Array, image: ImagePixel, target: EncodeTarget) -> Encoded:
    """Deflate at zlib's usual level."""
    deflater = zlib.compressobj(wbits=_RAW)
    frame = native.encode(samples, image, target).data
    return Encoded(deflater.compress(frame) + deflater.flush())
