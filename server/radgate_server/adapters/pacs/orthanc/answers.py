"""Orthanc's short format of a data set as DICOM JSON: values are text in UTF-8, several joined by backslashes."""

import re
from collections.abc import Callable, Iterable, Mapping
from math import isfinite
from typing import Any

from radgate_server.core.dicom.data_sets import DicomJson
from radgate_server.core.dicom.dataset.charset import charset_of
from radgate_server.core.dicom.dataset.json_values import BINARY_VRS, CONVERTERS
from radgate_server.core.query.attributes import vr_of

_SPECIFIC_CHARACTER_SET = "00080005"
_UTF_8 = charset_of(["ISO_IR 192"])
_TAG = re.compile(r"[0-9a-fA-F]{4},[0-9a-fA-F]{4}")
_HEX = re.compile(r"[0-9a-fA-F]{8}")
_OF_UNKNOWN_VR = "LO"
"""For private attributes, whose VR Orthanc does not state."""


def to_dicom_json(data_set: Mapping[str, Any]) -> DicomJson:
    """Give each value the type of its VR by PS3.6. What Orthanc has no text for is left out: absent, or binary.

    Raises:
        ValueError, TypeError, AttributeError: it is not in the short format.
    """
    elements = ((_tag_of(name), value) for name, value in data_set.items() if value is not None)
    return {
        tag: element for tag, value in elements if tag != _SPECIFIC_CHARACTER_SET and (element := _typed(tag, value))
    }


def _tag_of(name: str) -> str:
    if not _TAG.fullmatch(name):
        raise ValueError("not a tag")
    return name.replace(",", "").upper()


def _typed(tag: str, value: Any) -> dict[str, Any] | None:
    if isinstance(value, list):
        items = [to_dicom_json(item) for item in value]
        return {"vr": "SQ", "Value": items} if items else {"vr": "SQ"}
    if not isinstance(value, str):
        raise TypeError("not a value")
    vr = _vr_of(tag, value)
    if vr in BINARY_VRS or vr == "SQ":
        return None
    values = _NUMBERS[vr](value.split("\\")) if vr in _NUMBERS else CONVERTERS[vr](value.encode(), _UTF_8, True)
    return {"vr": vr} if values in ([None], []) else {"vr": vr, "Value": values}


def _vr_of(tag: str, value: str) -> str:
    """The VR; of "US or SS" the one that holds the value."""
    vr = vr_of(tag)
    if vr == "UN":
        return _OF_UNKNOWN_VR
    return "SS" if vr.startswith("US or") and "-" in value else vr[:2]


def _integers(parts: Iterable[str]) -> list[Any]:
    return [int(part) for part in parts if part.strip()]


def _floats(parts: Iterable[str]) -> list[Any]:
    """JSON has no NaN and no infinities; null keeps the others at their places."""
    numbers = [float(part) for part in parts if part.strip()]
    return [number if isfinite(number) else None for number in numbers]


def _tags(parts: Iterable[str]) -> list[Any]:
    tags = (part.strip().strip("()").replace(",", "").upper() for part in parts)
    return [tag for tag in tags if _HEX.fullmatch(tag)]


_NUMBERS: dict[str, Callable[[Iterable[str]], list[Any]]] = {
    **dict.fromkeys(("SL", "SS", "SV", "UL", "US", "UV"), _integers),
    **dict.fromkeys(("FL", "FD"), _floats),
    "AT": _tags,
}
