"""DICOM JSON (PS3.18 annex F) as others write it, to ours: checked, and their usual slips put right."""

from base64 import b64decode
from collections.abc import Callable
from math import isfinite
from typing import Any

from radgate_server.core.dicom.data_sets import DicomJson
from radgate_server.core.dicom.dataset.json_values import BINARY_VRS, decimal_of, integer_of, name_of
from radgate_server.core.query.attributes import vr_of
from radgate_server.core.query.value_matching import FREE_TEXT

_MAX_DEPTH = 32
_HEX = frozenset("0123456789ABCDEF")
_PADDING = " \0"
_OF_THE_MESSAGE = frozenset({"00080005", "00080052", "00081190"})
"""Specific Character Set, Query/Retrieve Level, Retrieve URL: of the answer, not of what was found."""
_NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")


type _Reader = Callable[[Any], Any]


def read_matches(answer: Any) -> tuple[DicomJson, ...]:
    """Read an answer to a query: an array of data sets; a lone one, which some send, counts as an array of one.

    Raises:
        ValueError: it is not in the DICOM JSON model.
    """
    matches = [answer] if isinstance(answer, dict) else answer
    if not isinstance(matches, list):
        raise ValueError("an answer to a query is an array")
    return tuple(read_data_set(match) for match in matches)


def read_data_set(value: Any, *, depth: int = 0) -> DicomJson:
    """Read one data set: text without padding, numbers as numbers, no `Value` where nothing is, tags in order.

    Left out is what is of the message alone, and references to bulk data, which only the sender can resolve.

    Raises:
        ValueError: it is not in the DICOM JSON model, or deeper than 32 sequences.
    """
    if not isinstance(value, dict) or depth > _MAX_DEPTH:
        raise ValueError("a data set is an object of attributes, not too deep")
    elements = ((tag.upper(), element) for tag, element in value.items())
    return {
        tag: _element(tag, element, depth)
        for tag, element in sorted(elements, key=lambda item: item[0])
        if _is_tag(tag) and tag not in _OF_THE_MESSAGE
    }


def _is_tag(text: str) -> bool:
    return len(text) == 8 and _HEX.issuperset(text) and text[:4] != "0002"


def _element(tag: str, element: Any, depth: int) -> dict[str, Any]:
    if not isinstance(element, dict):
        raise ValueError("an attribute is an object")
    vr = element.get("vr") or vr_of(tag)[:2]
    if not isinstance(vr, str) or len(vr) != 2:
        raise ValueError("a VR has two letters")
    if vr in BINARY_VRS:
        return _binary(vr, element.get("InlineBinary"))
    given = element.get("Value")
    if given is None:
        return {"vr": vr}
    values = [_value(vr, one, depth) for one in (given if isinstance(given, list) else [given])]
    if vr in FREE_TEXT and len(values) > 1:
        values = ["\\".join(text or "" for text in values)]  # a backslash is a character there (PS3.5 6.2)
    return {"vr": vr} if all(one is None for one in values) else {"vr": vr, "Value": values}


def _binary(vr: str, inline: Any) -> dict[str, Any]:
    text = inline[0] if isinstance(inline, list) and len(inline) == 1 else inline
    if not text:
        return {"vr": vr}
    if not isinstance(text, str):
        raise ValueError("inline binary is text")
    b64decode(text, validate=True)
    return {"vr": vr, "InlineBinary": text}


def _value(vr: str, value: Any, depth: int) -> Any:
    if vr == "SQ":
        return read_data_set(value or {}, depth=depth + 1)
    reader: _Reader = _READERS.get(vr, _text)
    return None if value is None else reader(value)


def _text(value: Any) -> str | None:
    if isinstance(value, dict | list):
        raise ValueError("a value of text is text")
    return (value if isinstance(value, str) else str(value)).strip(_PADDING) or None


def _name(value: Any) -> dict[str, str] | None:
    if isinstance(value, str):
        return name_of(value)
    if not isinstance(value, dict) or not all(isinstance(group, str) for group in value.values() if group is not None):
        raise ValueError("a person's name is an object of up to three groups")
    groups = ((word, (value.get(word) or "").rstrip(_PADDING)) for word in _NAME_GROUPS)
    return {word: group for word, group in groups if group} or None


def _number(of_text: Callable[[str], Any]) -> _Reader:
    def read(value: object) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError("a value of numbers is a number")
        if isinstance(value, str):
            return of_text(value.strip(_PADDING))
        return None if isinstance(value, float) and not isfinite(value) else _plain(value)

    return read


def _plain(number: float) -> float:
    """Whole numbers without a fraction, as ours are."""
    return int(number) if isinstance(number, float) and number.is_integer() and abs(number) < 2**53 else number


_READERS: dict[str, _Reader] = {
    "PN": _name,
    **dict.fromkeys(("IS", "SL", "SS", "SV", "UL", "US", "UV"), _number(integer_of)),
    **dict.fromkeys(("DS", "FD", "FL"), _number(decimal_of)),
}
"""VRs whose values are not text."""
