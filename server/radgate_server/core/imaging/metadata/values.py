"""Values of a data set in the DICOM JSON model, checked: what is missing or no such value counts as not there."""

from base64 import b64decode
from collections.abc import Mapping
from struct import pack
from typing import Any

from radgate_server.core.dicom.data_sets import DicomJson
from radgate_server.core.dicom.instance_index import BULK_DATA_ROOT

type Bulk = Mapping[str, bytes]
"""Key of InstanceIndex.bulk -> value, its words in little endian."""


def numbers(model: DicomJson, tag: str) -> tuple[float, ...]:
    """All values of the attribute; none when one of them is no number."""
    values = model.get(tag, {}).get("Value", ())
    return tuple(values) if all(isinstance(value, int | float) for value in values) else ()


def number(model: DicomJson, tag: str) -> float | None:
    """The first value, None when it is no number."""
    value = next(iter(model.get(tag, {}).get("Value", ())), None)
    return value if isinstance(value, int | float) else None


def integer(model: DicomJson, tag: str, default: int = 0) -> int:
    """The first value, `default` when it is no whole number."""
    value = number(model, tag)
    return value if isinstance(value, int) else default


def text(model: DicomJson, tag: str) -> str:
    """The first value as text, "" when it is none."""
    value = next(iter(model.get(tag, {}).get("Value", ())), None)
    return value if isinstance(value, str) else ""


def items(model: DicomJson, tag: str) -> list[DicomJson]:
    """The items of a sequence."""
    return [value for value in model.get(tag, {}).get("Value", ()) if isinstance(value, dict)]


def item(model: DicomJson, tag: str) -> DicomJson:
    """The first item of a sequence, an empty data set when there is none."""
    return next(iter(items(model, tag)), {})


def octets(model: DicomJson, tag: str, bulk: Bulk) -> bytes:
    """The value's bytes, words of 16 bits in little endian, whether inline, as numbers or by reference."""
    element: dict[str, Any] = model.get(tag, {})
    if "BulkDataURI" in element:
        return bulk.get(element["BulkDataURI"].removeprefix(BULK_DATA_ROOT), b"")
    if "InlineBinary" in element:
        return b64decode(element["InlineBinary"])
    words = numbers(model, tag)
    if not all(isinstance(word, int) for word in words):
        return b""
    return pack(f"<{len(words)}H", *(int(word) & 0xFFFF for word in words))
