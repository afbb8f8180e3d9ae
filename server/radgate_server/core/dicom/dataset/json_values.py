"""Values of single data elements in the DICOM JSON model (PS3.18 F.2.3), one converter for each VR."""

from collections.abc import Callable
from math import isfinite
from struct import Struct
from typing import Any

from radgate_server.core.dicom.dataset.charset import Charset

type Converter = Callable[[bytes, Charset, bool], list[Any]]
"""Encoded value, charset, whether little endian -> values, None for empty ones. Raises ValueError for a bad length."""

MAX_EXACT_INTEGER = 2**53
"""Whole numbers up to here survive in any JSON reader; larger ones go as text, as PS3.18 F.2.3 allows."""

BINARY_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})

_PADDING = " \0"
_NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")


def _code_strings(raw: bytes, _charset: Charset, _little_endian: bool) -> list[Any]:
    """Text of the default repertoire, in which spaces around a value say nothing."""
    return [value.strip(_PADDING) or None for value in raw.decode("latin-1").split("\\")]


def _texts(raw: bytes, charset: Charset, _little_endian: bool) -> list[Any]:
    return [value.rstrip(_PADDING) or None for value in charset.text(raw).split("\\")]


def _long_text(raw: bytes, charset: Charset, _little_endian: bool) -> list[Any]:
    """Text of one value, in which a backslash is a backslash."""
    return [charset.text(raw).rstrip(_PADDING) or None]


def _names(raw: bytes, charset: Charset, _little_endian: bool) -> list[Any]:
    return [name_of(value) for value in charset.name(raw).split("\\")]


def name_of(text: str) -> dict[str, str] | None:
    """Part a person's name into its groups (PS3.5 6.2.1), None when it is empty."""
    groups = (group.rstrip(_PADDING) for group in text.split("="))
    return {word: group for word, group in zip(_NAME_GROUPS, groups, strict=False) if group} or None


def _decimals(raw: bytes, _charset: Charset, _little_endian: bool) -> list[Any]:
    return [decimal_of(value.strip(_PADDING)) for value in raw.decode("latin-1").split("\\")]


def decimal_of(text: str) -> float | str | None:
    """Return the number, or the text itself when it is none that JSON can hold."""
    try:
        number = float(text)
    except ValueError:
        return text or None
    if not isfinite(number) or "_" in text:
        return text
    return int(number) if number.is_integer() and abs(number) < MAX_EXACT_INTEGER else number


def _integers(raw: bytes, _charset: Charset, _little_endian: bool) -> list[Any]:
    return [integer_of(value.strip(_PADDING)) for value in raw.decode("latin-1").split("\\")]


def integer_of(text: str) -> int | str | None:
    """Return the whole number, or the text itself when it is none."""
    number = decimal_of(text)
    return number if isinstance(number, int) else text or None


def _binary(code: str) -> Converter:
    size = Struct(f"<{code}").size

    def convert(raw: bytes, _charset: Charset, little_endian: bool) -> list[Any]:
        count, rest = divmod(len(raw), size)
        if rest:
            raise ValueError(f"{len(raw)} bytes are no whole number of values")
        return list(Struct(f"{'<' if little_endian else '>'}{count}{code}").unpack(raw))

    return convert


def _floats(code: str) -> Converter:
    read = _binary(code)

    def convert(raw: bytes, charset: Charset, little_endian: bool) -> list[Any]:
        # JSON has no NaN and no infinities; null keeps the others at their places.
        return [value if isfinite(value) else None for value in read(raw, charset, little_endian)]

    return convert


def _wide(code: str) -> Converter:
    read = _binary(code)

    def convert(raw: bytes, charset: Charset, little_endian: bool) -> list[Any]:
        values = read(raw, charset, little_endian)
        return [value if abs(value) <= MAX_EXACT_INTEGER else str(value) for value in values]

    return convert


_read_u16 = _binary("H")


def _tags(raw: bytes, charset: Charset, little_endian: bool) -> list[Any]:
    if len(raw) % 4:
        raise ValueError(f"{len(raw)} bytes are no whole number of tags")
    halves = _read_u16(raw, charset, little_endian)
    return [f"{group:04X}{element:04X}" for group, element in zip(halves[::2], halves[1::2], strict=True)]


CONVERTERS: dict[str, Converter] = {
    **dict.fromkeys(("AE", "AS", "CS", "DA", "DT", "TM", "UI"), _code_strings),
    **dict.fromkeys(("LO", "SH", "UC"), _texts),
    **dict.fromkeys(("LT", "ST", "UR", "UT"), _long_text),
    "AT": _tags,
    "DS": _decimals,
    "FD": _floats("d"),
    "FL": _floats("f"),
    "IS": _integers,
    "PN": _names,
    "SL": _binary("i"),
    "SS": _binary("h"),
    "SV": _wide("q"),
    "UL": _binary("I"),
    "US": _binary("H"),
    "UV": _wide("Q"),
}
"""Every VR but SQ and BINARY_VRS."""
