"""Identifiers of requests (PS3.4 C.4), encoded straight from tags and values.

pydicom's Dataset would check values against their VR; matching values such as "2001-" or "CT*" are not of it.
"""

import struct
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from radgate_server.core.dicom.data_sets import TagPath
from radgate_server.core.dicom.dataset.element_encoding import Encoding
from radgate_server.core.dicom.dataset.walker import Walker
from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.query.attributes import vr_of

SPECIFIC_CHARACTER_SET = "00080005"
QUERY_RETRIEVE_LEVEL = "00080052"
UTF_8 = "ISO_IR 192"

_LONG_FORM = frozenset(("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"))
_BINARY: dict[str, tuple[str, Callable[[str], Any]]] = {
    # VR: (struct format, conversion): PS3.5 table 6.2-1
    "US": ("<H", int),
    "SS": ("<h", int),
    "UL": ("<I", int),
    "SL": ("<i", int),
    "UV": ("<Q", int),
    "SV": ("<q", int),
    "FL": ("<f", float),
    "FD": ("<d", float),
}
_NOT_MATCHED = frozenset(("AT", "OB", "OD", "OF", "OL", "OV", "OW", "SQ", "UN"))
_MAX_SHORT_FORM = 0xFFFE
_ITEM = struct.Struct("<HHI")


def encode_identifier(keys: Mapping[TagPath, str], *, implicit: bool) -> bytes:
    """Encode keys as a data set in Implicit or Explicit VR Little Endian (PS3.5 7.1).

    An empty value asks for the attribute (universal matching). With text beyond ASCII the identifier is in UTF-8 and
    says so.

    Raises:
        InvalidArgumentError: a value, such as a list of UIDs, is too long for its VR.
    """
    tree = _as_tree(keys)
    if not all(value.isascii() for value in keys.values()):
        tree[SPECIFIC_CHARACTER_SET] = UTF_8
    return _encode_tree(tree, implicit)


def charset_in(encoded: bytes, encoding: Encoding) -> str:
    """The Specific Character Set of an encoded data set, "" when it has none.

    Raises:
        InstanceMalformedError: the data set does not hold together.
    """
    for element in Walker(memoryview(encoded)).data_set(0, encoding).elements:
        if element.tag == int(SPECIFIC_CHARACTER_SET, 16):
            return encoded[element.offset : element.offset + element.length].decode("ascii", "replace").strip(" \0")
    return ""


def _as_tree(keys: Mapping[TagPath, str]) -> dict[str, Any]:
    """Nest the keys; a sequence asked for as a whole and in part is asked for in part."""
    tree: dict[str, Any] = {}
    for path, value in keys.items():
        node = tree
        for tag in path[:-1]:
            if not isinstance(node.get(tag), dict):
                node[tag] = {}
            node = node[tag]
        if not isinstance(node.get(path[-1]), dict):
            node[path[-1]] = value
    return tree


def _encode_tree(tree: Mapping[str, Any], implicit: bool) -> bytes:
    return b"".join(_encode_element(tag, tree[tag], implicit) for tag in sorted(tree))


def _encode_element(tag: str, value: Any, implicit: bool) -> bytes:
    vr = vr_of(tag)[:2]  # "US or SS" is asked for as US
    if isinstance(value, dict):
        content, vr = _encode_item(value, implicit), "SQ"
    else:
        content = encode_value(vr, value)
    number = struct.pack("<HH", int(tag[:4], 16), int(tag[4:], 16))
    if implicit:
        return number + struct.pack("<I", len(content)) + content
    if vr in _LONG_FORM:
        return number + vr.encode() + struct.pack("<HI", 0, len(content)) + content
    if len(content) > _MAX_SHORT_FORM:
        raise InvalidArgumentError("query", f"a value of {len(content)} bytes is too long for a query over DIMSE")
    return number + vr.encode() + struct.pack("<H", len(content)) + content


def _encode_item(tree: Mapping[str, Any], implicit: bool) -> bytes:
    content = _encode_tree(tree, implicit)
    return _ITEM.pack(0xFFFE, 0xE000, len(content)) + content


def encode_value(vr: str, value: str) -> bytes:
    """One value padded to an even length; numbers that are none, and binary values, are universal matching."""
    if not value or vr in _NOT_MATCHED:
        return b""
    if vr in _BINARY:
        return _encode_numbers(*_BINARY[vr], value.split("\\"))
    encoded = value.encode()
    return encoded + (b"\0" if vr == "UI" else b" ") * (len(encoded) % 2)


def _encode_numbers(layout: str, convert: Callable[[str], Any], parts: Iterable[str]) -> bytes:
    try:
        return b"".join(struct.pack(layout, convert(part)) for part in parts)
    except (ValueError, struct.error, OverflowError):
        return b""
