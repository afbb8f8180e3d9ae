"""Any stored frame to pixels: the codec is chosen from the bytes, what the data set says comes second."""

from collections.abc import Callable
from dataclasses import replace

from radgate_server.adapters.imaging.bitstreams.detection import Bitstream, bitstream_of
from radgate_server.adapters.imaging.codecs import native
from radgate_server.adapters.imaging.codecs.colour import in_colour
from radgate_server.adapters.imaging.codecs.table import CODECS, DECODINGS, Decoding, load
from radgate_server.adapters.imaging.samples.containers import Samples, container_bits, in_container, shape_of
from radgate_server.adapters.imaging.samples.high_bit import Described, brought_down, high_bit_notes, stated_high_bit
from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel
from radgate_server.core.errors import (
    CodecFailedError,
    GatewayError,
    ImageTooLargeError,
    InstanceMalformedError,
    NotAcceptableError,
)
from radgate_server.core.imaging.frames import DecodedFrame, StoredFrame

MAX_FRAME_BYTES = 2 << 30
"""Decoded; what an operator allows (`imaging.max_frame_bytes`) is checked before and is less."""

_READ_IN_PLACE = frozenset({Bitstream.NATIVE, Bitstream.RLE})
"""Whose decoders take a frame that lies in memory shared with the server; others and their headers want bytes."""
_UNCOMPRESSED = frozenset({Bitstream.NATIVE, Bitstream.DEFLATED})

type _Call = tuple[str, tuple[int, ...]]
"""A function of the table, and what it is given besides the frame."""


def decode_frame(frame: StoredFrame) -> DecodedFrame:
    """Decode one frame.

    Raises:
        NotAcceptableError: no codec takes the transfer syntax, or this variety of it; `stored` reports which.
        InstanceMalformedError: the frame is damaged, or is not what the data set says.
        ImageTooLargeError: no frame of that size is decoded.
    """
    array, image, notes = decoded_array(frame)
    return DecodedFrame(array.tobytes(), image, notes)


def decoded_array(frame: StoredFrame) -> Described:
    """What decode_frame gives, with the pixels as an array of their container's type."""
    return brought_down(*decoded_words(frame))


def decoded_words(frame: StoredFrame) -> Described:
    """What decoded_array gives, but with what is stored where High Bit says, whatever is above and below of it."""
    decoding, notes = decoding_for(frame)
    frame = _readable(frame, decoding)
    samples = _first_loadable(frame, tuple((name, ()) for name in decoding.decoders))
    if samples.array.shape != shape_of(frame.image):
        raise InstanceMalformedError("a decoded frame has another shape than the data set says")
    return _in_container(samples, frame.image, notes)


def decode_reduced(frame: StoredFrame, rows: int, columns: int) -> DecodedFrame:
    """Decode no more than a picture of at least `rows` by `columns` needs; the whole frame when it is smaller.

    Wavelets give a lower resolution, of others every n-th pixel is taken. Colour is that in which the frame leaves.
    Raises what decode_frame raises.
    """
    array, image, notes = reduced_array(frame, rows, columns)
    array, image = in_colour(array, image, frame)
    return DecodedFrame(array.tobytes(), image, notes)


def reduced_array(frame: StoredFrame, rows: int, columns: int) -> Described:
    """What decode_reduced gives, with the pixels as an array of their container's type."""
    decoding, notes = decoding_for(frame)
    frame = _readable(frame, decoding)
    rows, columns = max(rows, 1), max(columns, 1)
    reducers: tuple[_Call, ...] = ((decoding.reducer, (rows, columns)),) if decoding.reducer else ()
    samples = _first_loadable(frame, (*reducers, *((name, ()) for name in decoding.decoders)))
    step = max(min(samples.array.shape[0] // rows, samples.array.shape[1] // columns), 1)
    thinned = replace(samples, array=samples.array[::step, ::step])
    return brought_down(*_in_container(thinned, frame.image, notes))


def decoding_for(frame: StoredFrame) -> tuple[Decoding, tuple[str, ...]]:
    """What decodes these bytes, and a note when it is not that of the transfer syntax."""
    codec = CODECS.get(frame.transfer_syntax_uid)
    if codec is None or codec.decoding is None:
        raise NotAcceptableError("the stored transfer syntax can't be decoded", stored=frame.transfer_syntax_uid)
    stated = codec.decoding.bitstream
    found = _bitstream(frame, stated)
    if found is stated:
        return codec.decoding, ()
    decoding = DECODINGS.get(found)
    if decoding is None:
        raise NotAcceptableError(f"{found} can't be decoded", stored=frame.transfer_syntax_uid)
    return decoding, (f"the frame is {found}, the transfer syntax says {stated}",)


def _readable(frame: StoredFrame, decoding: Decoding) -> StoredFrame:
    if decoding.bitstream in _READ_IN_PLACE:
        return frame
    return replace(frame, data=bytes(frame.data))


def _bitstream(frame: StoredFrame, stated: Bitstream) -> Bitstream:
    """What the bytes are. Uncompressed ones have no signature but their length."""
    has_native_length = len(frame.data) - native.frame_bytes(frame.image) in (0, 1)
    if stated in _UNCOMPRESSED and (has_native_length or stated is Bitstream.DEFLATED):
        return stated
    found = bitstream_of(frame.data)
    if found is not None:
        return found
    return Bitstream.NATIVE if has_native_length else stated


def _first_loadable(frame: StoredFrame, calls: tuple[_Call, ...]) -> Samples:
    """Call the first function whose library can be loaded."""
    check_image(frame.image, frame.transfer_syntax_uid)
    for name, arguments in calls:
        try:
            return _called(load(name), frame, *arguments)
        except ImportError:
            continue
    raise CodecFailedError("no library for this transfer syntax can be loaded; reinstall the server's dependencies")


def _called(function: Callable[..., Samples], frame: StoredFrame, *arguments: int) -> Samples:
    try:
        return function(frame.data, frame.image, *arguments)
    except NotAcceptableError as error:
        raise NotAcceptableError(error.message, stored=frame.transfer_syntax_uid) from None
    except (GatewayError, ImportError):
        raise
    except MemoryError:
        raise CodecFailedError("decoding a frame took more memory than a worker has") from None
    except Exception:  # noqa: BLE001 - codecs raise whatever they like for a damaged frame
        raise InstanceMalformedError("a compressed frame can't be decoded") from None


def check_image(image: ImagePixel, transfer_syntax_uid: str) -> None:
    """Refuse what the data set alone rules out, before a byte is decoded."""
    if not (image.rows and image.columns and image.samples_per_pixel and image.bits_allocated):
        raise InstanceMalformedError("the data set does not say how large its frames are")
    try:
        word_bytes = container_bits(image) // 8
    except NotAcceptableError as error:
        raise NotAcceptableError(error.message, stored=transfer_syntax_uid) from None
    if image.rows * image.columns * image.samples_per_pixel * word_bytes > MAX_FRAME_BYTES:
        raise ImageTooLargeError("the instance's frames are too large to be decoded")


def _in_container(samples: Samples, image: ImagePixel, notes: tuple[str, ...]) -> Described:
    array = in_container(samples, image)
    described = image._replace(
        rows=array.shape[0],
        columns=array.shape[1],
        bits_allocated=container_bits(image),
        photometric_interpretation=samples.photometric_interpretation,
        planar_configuration=0,
        high_bit=stated_high_bit(samples, image),
    )
    return array, described, (*notes, *samples.notes, *high_bit_notes(samples, image))
