"""Command sets (PS3.7 6.3, annex E) to and from pynetdicom's message primitives, without a pydicom data set between.

A retrieve has three command sets for each instance; through pydicom they cost more than the instance's bytes.
"""

import struct
from collections.abc import Mapping
from typing import Any

from pynetdicom.dimse_primitives import C_CANCEL, C_ECHO, C_FIND, C_GET, C_MOVE, C_STORE

_CLASSES: Mapping[int, type[Any]] = {
    # Command Field of the request (PS3.7 E.1-1); that of the response has the highest bit set too
    0x0001: C_STORE,
    0x0010: C_GET,
    0x0020: C_FIND,
    0x0021: C_MOVE,
    0x0030: C_ECHO,
    0x0FFF: C_CANCEL,
}
_FIELDS = {primitive: field for field, primitive in _CLASSES.items()}
_RESPONSE = 0x8000
_COMMAND_GROUP = 0x0000
_COMMAND_FIELD = 0x0100
_DATA_SET_TYPE = 0x0800
_NO_DATA_SET = 0x0101
_ELEMENTS = {
    # element of group 0000: (keyword, VR); what is not here is of no use to anybody (comments may quote patients)
    0x0002: ("AffectedSOPClassUID", "UI"),
    0x0110: ("MessageID", "US"),
    0x0120: ("MessageIDBeingRespondedTo", "US"),
    0x0600: ("MoveDestination", "AE"),
    0x0700: ("Priority", "US"),
    0x0900: ("Status", "US"),
    0x1000: ("AffectedSOPInstanceUID", "UI"),
    0x1020: ("NumberOfRemainingSuboperations", "US"),
    0x1021: ("NumberOfCompletedSuboperations", "US"),
    0x1022: ("NumberOfFailedSuboperations", "US"),
    0x1023: ("NumberOfWarningSuboperations", "US"),
    0x1030: ("MoveOriginatorApplicationEntityTitle", "AE"),
    0x1031: ("MoveOriginatorMessageID", "US"),
}
_OF_REQUESTS = frozenset((0x0110, 0x0600, 0x0700, 0x1030, 0x1031))
_HEADER = struct.Struct("<HHI")
_US = struct.Struct("<H")


def encode_command(primitive: Any, *, has_data_set: bool) -> bytes:
    """Encode the command set of a request or response in Implicit VR Little Endian."""
    field = _FIELDS[type(primitive)]
    responds = primitive.MessageIDBeingRespondedTo is not None
    if responds and field != _FIELDS[C_CANCEL]:
        field |= _RESPONSE
    values = {_COMMAND_FIELD: _US.pack(field), _DATA_SET_TYPE: _US.pack(1 if has_data_set else _NO_DATA_SET)}
    for element, (keyword, vr) in _ELEMENTS.items():
        value = getattr(primitive, keyword, None)
        if value is not None and not (responds and element in _OF_REQUESTS):
            values[element] = _encode(vr, value)
    body = b"".join(_HEADER.pack(0, element, len(values[element])) + values[element] for element in sorted(values))
    return _HEADER.pack(0, 0, 4) + struct.pack("<I", len(body)) + body


def decode_command(encoded: bytes) -> tuple[Any, bool]:
    """Make the primitive of a command set, and report whether a data set follows.

    Elements of other groups are ignored. There should be none (PS3.7 6.3.1), but Orthanc 1.12 ends a C-GET of which
    a part failed with the Failed SOP Instance UID List in its command set.

    Raises:
        ValueError: it is malformed, or of a service that is not spoken here.
    """
    values = dict(_elements(encoded))
    field = _number(values.get(_COMMAND_FIELD, b""))
    primitive_class = _CLASSES.get(field if field == _FIELDS[C_CANCEL] else field & ~_RESPONSE)
    if primitive_class is None:
        raise ValueError("a message of a service that is not spoken here")
    primitive = primitive_class()
    for element, (keyword, vr) in _ELEMENTS.items():
        value = values.get(element)
        if value and hasattr(primitive, keyword):
            setattr(primitive, keyword, _number(value) if vr == "US" else _text(value))
    return primitive, _number(values.get(_DATA_SET_TYPE, b"")) != _NO_DATA_SET


def _elements(encoded: bytes) -> list[tuple[int, bytes]]:
    elements, offset = [], 0
    while offset < len(encoded):
        if offset + _HEADER.size > len(encoded):
            raise ValueError("a command set ends within an element")
        group, element, length = _HEADER.unpack_from(encoded, offset)
        offset += _HEADER.size
        if offset + length > len(encoded):
            raise ValueError("a command set ends within a value")
        if group == _COMMAND_GROUP:
            elements.append((element, encoded[offset : offset + length]))
        offset += length
    return elements


def _encode(vr: str, value: Any) -> bytes:
    if vr == "US":
        return _US.pack(value)
    encoded = str(value).encode("ascii")
    return encoded + (b"\0" if vr == "UI" else b" ") * (len(encoded) % 2)


def _number(value: bytes) -> int:
    if len(value) < _US.size:
        raise ValueError("a number of a command set has no value")
    return int(_US.unpack_from(value)[0])


def _text(value: bytes) -> str:
    return value.decode("ascii").strip(" \0")
