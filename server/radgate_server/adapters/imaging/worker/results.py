"""Results as they cross: their bytes, and the fields beside them as lists that JSON can hold. One row a kind."""

from collections.abc import Callable
from typing import Any, NamedTuple

from radgate_server.adapters.imaging.operations import Result
from radgate_server.adapters.imaging.worker.checks import broken, number, text, texts
from radgate_server.core.dicom.image_pixel import ImagePixel
from radgate_server.core.imaging.frames import DecodedFrame, EncodedFrame, RenderedImage

type Fields = list[Any]

_IMAGE_TYPES = tuple(ImagePixel.__annotations__[name] for name in ImagePixel._fields)


class _Crossing(NamedTuple):
    pack: Callable[[Any], tuple[bytes, Fields]]
    unpack: Callable[..., Any]


def pack(result: Result) -> tuple[bytes, Fields]:
    """Take a result apart."""
    return _CROSSINGS[type(result)].pack(result)


def unpack[Made: Result](kind: type[Made], data: bytes, fields: Fields) -> Made:
    """Put a result together again, its fields checked.

    Raises:
        BrokenAnswerError: they are not those of this kind.
    """
    try:
        result: Made = _CROSSINGS[kind].unpack(data, *fields)
    except TypeError:  # too few of them, or too many
        broken()
    return result


def _pack_decoded(frame: DecodedFrame) -> tuple[bytes, Fields]:
    return frame.pixels, [frame.image, frame.notes]


def _unpack_decoded(data: bytes, image: Any, notes: Any) -> DecodedFrame:
    return DecodedFrame(data, _image(image), texts(notes))


def _pack_encoded(frame: EncodedFrame) -> tuple[bytes, Fields]:
    return frame.data, [frame.transfer_syntax_uid, frame.image, frame.lossy, frame.notes]


def _unpack_encoded(data: bytes, transfer_syntax_uid: Any, image: Any, lossy: Any, notes: Any) -> EncodedFrame:
    return EncodedFrame(data, text(transfer_syntax_uid), _image(image), lossy is True, texts(notes))


def _pack_rendered(picture: RenderedImage) -> tuple[bytes, Fields]:
    return picture.data, [picture.media_type, picture.rows, picture.columns, picture.notes]


def _unpack_rendered(data: bytes, media_type: Any, rows: Any, columns: Any, notes: Any) -> RenderedImage:
    return RenderedImage(data, text(media_type), number(rows), number(columns), texts(notes))


def _image(value: Any) -> ImagePixel:
    """Checked as a whole: one by one costs as much as all else that the server does to an answer."""
    if not isinstance(value, list) or tuple(map(type, value)) != _IMAGE_TYPES:
        broken()
    image = ImagePixel._make(value)
    text(image.photometric_interpretation)
    *counts, high_bit = [item for item in value if type(item) is int]
    number(min(counts))
    number(max(counts))
    number(high_bit + 1)  # -1 stands for one that is not stated
    return image


_CROSSINGS: dict[type[Any], _Crossing] = {
    DecodedFrame: _Crossing(_pack_decoded, _unpack_decoded),
    EncodedFrame: _Crossing(_pack_encoded, _unpack_encoded),
    RenderedImage: _Crossing(_pack_rendered, _unpack_rendered),
}
