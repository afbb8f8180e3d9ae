"""Results as they cross: their bytes, and the fields beside them as a list in JSON. One row a kind."""

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from radgate_server.adapters.imaging.operations import Result
from radgate_server.adapters.imaging.worker.checks import BrokenAnswerError, broken, number, text, texts
from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel
from radgate_server.core.imaging.frames import DecodedFrame, EncodedFrame, RenderedImage

type Fields = bytes

_IMAGE_TYPES = tuple(ImagePixel.__annotations__[name] for name in ImagePixel._fields)
_REMEMBERED_BYTES = 1024
"""Longer fields have long notes, and seldom come twice."""

_encode = json.JSONEncoder(separators=(",", ":")).encode


class _Crossing(NamedTuple):
    """`pack` gives the bytes and the fields; `check` takes the fields and gives what follows the bytes in a result."""

    pack: Callable[[Any], tuple[bytes, list[Any]]]
    check: Callable[..., tuple[Any, ...]]


def pack(result: Result) -> tuple[bytes, Fields]:
    """Take a result apart."""
    data, fields = _CROSSINGS[type(result)].pack(result)
    return data, _encode(fields).encode()


def unpack[Made: Result](kind: type[Made], data: bytes, fields: Fields) -> Made:
    """Put a result together again, its fields checked: once for many results, since those of a series are mostly alike.

    Raises:
        BrokenAnswerError: they are not those of this kind.
    """
    checked = _checked if len(fields) <= _REMEMBERED_BYTES else _checked.__wrapped__
    return kind(data, *checked(_CROSSINGS[kind].check, fields))


@lru_cache(maxsize=256)
def _checked(check: Callable[..., tuple[Any, ...]], fields: Fields) -> tuple[Any, ...]:
    try:
        return check(*json.loads(fields))
    except (ValueError, RecursionError, TypeError) as error:  # no JSON, no list, too few of them or too many
        raise BrokenAnswerError from error


def _pack_decoded(frame: DecodedFrame) -> tuple[bytes, list[Any]]:
    return frame.pixels, [frame.image, frame.notes]


def _check_decoded(image: Any, notes: Any) -> tuple[Any, ...]:
    return _image(image), texts(notes)


def _pack_encoded(frame: EncodedFrame) -> tuple[bytes, list[Any]]:
    return frame.data, [frame.transfer_syntax_uid, frame.image, frame.lossy, frame.notes]


def _check_encoded(transfer_syntax_uid: Any, image: Any, lossy: Any, notes: Any) -> tuple[Any, ...]:
    return text(transfer_syntax_uid), _image(image), lossy is True, texts(notes)


def _pack_rendered(picture: RenderedImage) -> tuple[bytes, list[Any]]:
    return picture.data, [picture.media_type, picture.rows, picture.columns, picture.notes]


def _check_rendered(media_type: Any, rows: Any, columns: Any, notes: Any) -> tuple[Any, ...]:
    return text(media_type), number(rows), number(columns), texts(notes)


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
    DecodedFrame: _Crossing(_pack_decoded, _check_decoded),
    EncodedFrame: _Crossing(_pack_encoded, _check_encoded),
    RenderedImage: _Crossing(_pack_rendered, _check_rendered),
}
