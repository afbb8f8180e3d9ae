"""In which colour, and in which order of samples, frames leave: one answer of metadata has to be right for all of them.

Viewers read a frame by the metadata of the stored instance, whatever transfer syntax the frame comes in. Codecs give
colour by pixel (Planar Configuration 0), and no codec but JPEG's holds subsampled chroma. So metadata and frames
agree on Planar Configuration 0; a native frame with chroma for every second pixel is given with all of it, as
YBR_FULL; an encapsulated one that is decoded becomes RGB, unless it is stated to be YBR_FULL (ADR 40).
"""

from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel
from radgate_server.core.dicom.transfer_syntaxes import (
    DEFLATED_IMAGE_FRAME,
    ENCAPSULATED_UNCOMPRESSED,
    TRANSFER_SYNTAXES,
    is_native,
)
from radgate_server.core.errors import InstanceMalformedError

RGB, YBR_FULL, YBR_FULL_422 = "RGB", "YBR_FULL", "YBR_FULL_422"

_SAMPLES = 3
_ORDERING_SYNTAXES = frozenset(
    row.uid
    for row in TRANSFER_SYNTAXES.values()
    if row.kind == "image" and row.uid not in (ENCAPSULATED_UNCOMPRESSED, DEFLATED_IMAGE_FRAME)
)
"""Whose decoders give colour by pixel, or by plane as they are asked, whatever Planar Configuration says."""


def decoded_colour(image: ImagePixel, transfer_syntax_uid: str) -> str:
    """The Photometric Interpretation that the samples of a frame have to be given in, once it is decoded."""
    stated = image.photometric_interpretation
    if image.samples_per_pixel != _SAMPLES:
        return stated
    if is_native(transfer_syntax_uid):
        return YBR_FULL if stated == YBR_FULL_422 else stated
    return YBR_FULL if stated == YBR_FULL else RGB


def served_image(image: ImagePixel, transfer_syntax_uid: str) -> ImagePixel:
    """What metadata say of the pixels of an instance that is stored so, and of which the data set says `image`."""
    native = is_native(transfer_syntax_uid)
    if image.samples_per_pixel != _SAMPLES or image.bits_allocated % 8:
        return image
    if not native and transfer_syntax_uid not in _ORDERING_SYNTAXES:
        return image
    if native and image.photometric_interpretation == YBR_FULL_422 and image.columns % 2 == 0:
        image = image._replace(photometric_interpretation=YBR_FULL)
    return image._replace(planar_configuration=0)


def served_frame(frame: bytes | memoryview, image: ImagePixel) -> bytes:
    """A native frame that `image` describes as `served_image` describes it; no sample's value is changed.

    Raises:
        InstanceMalformedError: it is shorter than that says.
    """
    word, pixels = image.bits_allocated // 8, image.rows * image.columns
    if len(frame) < image.native_frame_bits // 8:
        raise InstanceMalformedError("a frame is shorter than the data set says")
    served = bytearray(image.decoded_frame_bytes)
    for byte in range(word):
        if image.photometric_interpretation == YBR_FULL_422:  # Y, Y, Cb, Cr of two pixels (PS3.3 C.7.6.3.1.2)
            end = 2 * pixels * word
            for source, targets in enumerate(((0,), (3,), (1, 4), (2, 5))):
                samples = frame[source * word + byte : end : 4 * word]
                for target in targets:
                    served[target * word + byte :: 6 * word] = samples
            continue
        for plane in range(_SAMPLES):
            first = plane * pixels * word
            served[plane * word + byte :: _SAMPLES * word] = frame[first + byte : first + pixels * word : word]
    return bytes(served)
