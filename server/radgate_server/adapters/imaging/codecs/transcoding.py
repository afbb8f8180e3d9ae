"""Any stored frame to a frame in another transfer syntax."""

from typing import Any

import numpy as np

from radgate_server.adapters.imaging.codecs.colour import in_colour
from radgate_server.adapters.imaging.codecs.decoding import decoded_words
from radgate_server.adapters.imaging.codecs.table import CODECS, Encoding, Limits, load
from radgate_server.adapters.imaging.samples.containers import Array, Encoded, with_signs
from radgate_server.adapters.imaging.samples.high_bit import brought_down, uses_bits_below
from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel
from radgate_server.core.dicom.transfer_syntaxes import TRANSFER_SYNTAXES, is_native
from radgate_server.core.errors import CodecFailedError, InstanceMalformedError, NotAcceptableError
from radgate_server.core.imaging.frames import EncodedFrame, EncodeTarget, StoredFrame

_MONOCHROME = frozenset({"MONOCHROME1", "MONOCHROME2"})


def transcode_frame(frame: StoredFrame, target: EncodeTarget) -> EncodedFrame:
    """Encode one frame again. A frame that is in the target's transfer syntax is given back as it is.

    Raises:
        NotAcceptableError: there is no decoder or no encoder, or the encoder can't hold these samples; the message
            says which transfer syntax can, `stored` what the frame is in.
        InstanceMalformedError: the frame is damaged, or is not what the data set says.
        ImageTooLargeError: no frame of that size is decoded.
    """
    uid = target.transfer_syntax_uid
    if uid == frame.transfer_syntax_uid or (is_native(uid) and is_native(frame.transfer_syntax_uid)):
        return EncodedFrame(frame.data, uid, frame.image, lossy=False)
    codec = CODECS.get(uid)
    if codec is None or codec.encoding is None:
        raise _refusal(frame, "no encoder makes the transfer syntax that is asked for")
    array, image, notes = decoded_words(frame)
    array, image = in_colour(array, image, frame)
    image = image._replace(bits_allocated=frame.image.bits_allocated)
    if image.bits_stored > image.bits_allocated:
        raise InstanceMalformedError("Bits Stored is more than Bits Allocated")
    if codec.encoding.limits.bits is not None:
        if uses_bits_below(array, image):
            remedy = codec.encoding.limits.remedy
            raise _refusal(frame, f"samples with other things below the lowest stored bit can't be made that; {remedy}")
        array, image, notes = brought_down(array, image, notes)
        array = with_signs(array, image)
    if reason := why_not(array, image, codec.encoding.limits):
        raise _refusal(frame, f"{reason} can't be made {TRANSFER_SYNTAXES[uid].name}; {codec.encoding.limits.remedy}")
    encoded = _encode(frame, codec.encoding, array, image, target)
    return EncodedFrame(encoded.data, uid, _described(image, encoded), encoded.lossy, notes)


def why_not(array: Array, image: ImagePixel, limits: Limits) -> str:
    """What keeps samples from being encoded within the limits, in words; empty when nothing does."""
    if limits.bits is None:
        return ""
    lowest, highest = limits.bits
    if image.bits_allocated == 1:
        return "pixels with Bits Allocated 1"
    if not lowest <= image.bits_stored <= highest:
        return f"samples with Bits Stored {image.bits_stored}"
    if image.pixel_representation and not limits.signed:
        return "signed samples"
    if not _has_colour(image, limits.colours):
        return f"{image.samples_per_pixel} samples of this Photometric Interpretation"  # may be any text: not repeated
    if uses_more_bits(array, image):
        return "samples with other things above Bits Stored"
    return ""


def uses_more_bits(array: Array, image: ImagePixel) -> bool:
    """Whether there are bits above Bits Stored, an overlay for instance; codecs of that precision would lose them."""
    if not array.size or image.bits_stored >= array.dtype.itemsize * 8:
        return False
    bits = image.bits_stored - image.pixel_representation
    return bool(array.max() >= 1 << bits or array.min() < (-(1 << bits) if image.pixel_representation else 0))


def _has_colour(image: ImagePixel, colours: frozenset[str]) -> bool:
    if image.samples_per_pixel == 1:
        return image.photometric_interpretation in _MONOCHROME | colours
    return image.samples_per_pixel == 3 and image.photometric_interpretation in colours


def _encode(frame: StoredFrame, encoding: Encoding, array: Array, image: ImagePixel, target: EncodeTarget) -> Encoded:
    try:
        encoded: Encoded = load(encoding.encoder)(np.ascontiguousarray(array), image, target)
    except NotAcceptableError as error:
        raise _refusal(frame, error.message) from None
    except Exception:  # noqa: BLE001 - encoders raise whatever they like
        raise CodecFailedError("a frame can't be encoded") from None
    return encoded


def _described(image: ImagePixel, encoded: Encoded) -> ImagePixel:
    # Also of RLE, whose segments are by plane either way: dwv skips a pixel between planes where it says 1.
    changes: dict[str, Any] = {"planar_configuration": 0}
    if encoded.photometric_interpretation is not None:
        changes["photometric_interpretation"] = encoded.photometric_interpretation
    if encoded.bits_stored is not None:
        changes["bits_stored"] = encoded.bits_stored
    return image._replace(**changes)


def _refusal(frame: StoredFrame, message: str) -> NotAcceptableError:
    return NotAcceptableError(message, stored=frame.transfer_syntax_uid)
