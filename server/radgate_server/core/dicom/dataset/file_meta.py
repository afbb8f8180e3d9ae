"""File Meta Information (PS3.10 7.1): reading it, making it, and determining which instance a file holds."""

import zlib
from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

from radgate_server.core.dicom.dataset.charset import charset_of
from radgate_server.core.dicom.dataset.element_encoding import (
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    Encoding,
    encoding_in,
    truncated,
)
from radgate_server.core.dicom.dataset.walker import Element, Walker
from radgate_server.core.dicom.identifiers import InstanceRef, parse_uid
from radgate_server.core.dicom.instances import FileBytes
from radgate_server.core.dicom.transfer_syntaxes import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
)
from radgate_server.core.errors import InstanceMalformedError, InvalidArgumentError

IMPLEMENTATION_CLASS_UID = "2.25.323606043824280571692104342813329608826"
IMPLEMENTATION_VERSION_NAME = "RADGATE"

PREAMBLE_BYTES = 128
_PREFIX = b"DICM"
_META_START = PREAMBLE_BYTES + len(_PREFIX)
_META_GROUP = 0x0002
_META_GROUP_BYTES = _META_GROUP.to_bytes(2, "little")
_SHORT_HEADER = Struct("<HH2sH")
_IDENTIFY_INFLATED_BYTES = 1 << 20
_IDENTIFY_DEFLATED_BYTES = 2 * _IDENTIFY_INFLATED_BYTES
"""More than what inflates to so much, whatever it is: deflating adds five bytes to a block at most (RFC 1951)."""

_MEDIA_STORAGE_SOP_CLASS_UID = 0x00020002
_MEDIA_STORAGE_SOP_INSTANCE_UID = 0x00020003
_TRANSFER_SYNTAX_UID = 0x00020010
_SOP_CLASS_UID = 0x00080016
_SOP_INSTANCE_UID = 0x00080018
_SPECIFIC_CHARACTER_SET = 0x00080005
_PATIENT_NAME = 0x00100010
_PATIENT_ID = 0x00100020
_MODALITY = 0x00080060
_STUDY_INSTANCE_UID = 0x0020000D
_SERIES_INSTANCE_UID = 0x0020000E


class FileMeta(NamedTuple):
    """What the file meta says. `data_set_offset` is where the data set begins in the file; UIDs may be ""."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    data_set_offset: int


class Identity(NamedTuple):
    """Which instance a file holds, and how."""

    ref: InstanceRef
    sop_class_uid: str
    transfer_syntax_uid: str


class FilePatient(NamedTuple):
    """Whose a file says it is: Patient ID (0010,0020), Patient's Name (0010,0010) with its groups parted by "=".

    `modality` is (0008,0060).
    """

    patient_id: str = ""
    patient_name: str = ""
    modality: str = ""


def encoding_of(transfer_syntax_uid: str) -> Encoding:
    """How the elements of a data set in that transfer syntax are written (PS3.5 annex A)."""
    if transfer_syntax_uid == IMPLICIT_VR_LITTLE_ENDIAN:
        return IMPLICIT_LITTLE
    return EXPLICIT_BIG if transfer_syntax_uid == EXPLICIT_VR_BIG_ENDIAN else EXPLICIT_LITTLE


def read_file_meta(data: memoryview | FileBytes) -> FileMeta:
    """Read the file meta from a file, or from enough of its first bytes.

    The group length (0002,0000) is not relied on: real files lack it or have it wrong.

    Raises:
        InstanceMalformedError: there is no preamble with `DICM`, or no transfer syntax.
    """
    if bytes(data[PREAMBLE_BYTES:_META_START]) != _PREFIX:
        raise InstanceMalformedError("this is not a DICOM file: no DICM after the preamble (PS3.10 7.1)")
    uids: dict[int, str] = {}
    encoding, at = encoding_in(data, EXPLICIT_LITTLE), _META_START
    while data[at : at + 2] == _META_GROUP_BYTES:
        tag, _, length, offset = encoding.read_header(data, at, len(data))
        at = offset + length
        if at > len(data):
            raise truncated()
        uids[tag] = _uid(data, offset, length) if length <= 128 else ""
    if not uids.get(_TRANSFER_SYNTAX_UID):
        raise InstanceMalformedError("the file meta lacks Transfer Syntax UID (PS3.10 7.1)")
    return FileMeta(
        uids.get(_MEDIA_STORAGE_SOP_CLASS_UID, ""),
        uids.get(_MEDIA_STORAGE_SOP_INSTANCE_UID, ""),
        uids[_TRANSFER_SYNTAX_UID],
        at,
    )


def file_meta_bytes(sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str) -> bytes:
    """Preamble, prefix and file meta to stand before a data set in that transfer syntax."""
    group = b"".join(
        (
            b"\x02\x00\x01\x00OB\x00\x00\x02\x00\x00\x00\x00\x01",
            _short_element(_MEDIA_STORAGE_SOP_CLASS_UID, b"UI", sop_class_uid, b"\0"),
            _short_element(_MEDIA_STORAGE_SOP_INSTANCE_UID, b"UI", sop_instance_uid, b"\0"),
            _short_element(_TRANSFER_SYNTAX_UID, b"UI", transfer_syntax_uid, b"\0"),
            _short_element(0x00020012, b"UI", IMPLEMENTATION_CLASS_UID, b"\0"),
            _short_element(0x00020013, b"SH", IMPLEMENTATION_VERSION_NAME, b" "),
        )
    )
    group_length = _SHORT_HEADER.pack(_META_GROUP, 0, b"UL", 4) + len(group).to_bytes(4, "little")
    return bytes(PREAMBLE_BYTES) + _PREFIX + group_length + group


def identify(head: bytes | memoryview | FileBytes) -> Identity:
    """Read the UIDs of the instance from its file, or from as much of it as reaches (0020,000E).

    Raises:
        InstanceMalformedError: a UID is missing or malformed, or `head` ends before it.
    """
    meta, view, elements = _open_data_set(head)
    uids: dict[int, str] = {}
    for element in elements:
        if element.vr == "UI":
            uids[element.tag] = _uid(view, element.offset, element.length)
        if element.tag >= _SERIES_INSTANCE_UID:
            break
    ref = InstanceRef(
        required_uid(uids.get(_STUDY_INSTANCE_UID), "StudyInstanceUID"),
        required_uid(uids.get(_SERIES_INSTANCE_UID), "SeriesInstanceUID"),
        required_uid(uids.get(_SOP_INSTANCE_UID) or meta.sop_instance_uid, "SOPInstanceUID"),
    )
    sop_class_uid = required_uid(uids.get(_SOP_CLASS_UID) or meta.sop_class_uid, "SOPClassUID")
    return Identity(ref, sop_class_uid, meta.transfer_syntax_uid)


def patient_id_of(head: bytes | memoryview | FileBytes) -> str:
    """Patient ID (0010,0020), as `patient_of` finds it."""
    return patient_of(head).patient_id


def patient_of(head: bytes | memoryview | FileBytes) -> FilePatient:
    """Whose it is, from the file or from as much of it as reaches (0010,0020); "" for what is not found.

    Raises:
        InstanceMalformedError: this is no DICOM file.
    """
    _, view, elements = _open_data_set(head)
    charset, name, modality = charset_of(()), "", ""
    for element in elements:
        if element.tag > _PATIENT_ID:
            break
        if element.tag not in (_SPECIFIC_CHARACTER_SET, _MODALITY, _PATIENT_NAME, _PATIENT_ID):
            continue
        value = bytes(view[element.offset : element.offset + element.length])
        if element.tag == _SPECIFIC_CHARACTER_SET:
            charset = charset_of(value.decode("latin-1").split("\\"))
        if element.tag == _MODALITY:
            modality = value.decode("latin-1").strip("\0 ")
        if element.tag == _PATIENT_NAME:
            name = charset.name(value).strip("\0 ")
        if element.tag == _PATIENT_ID:
            return FilePatient(charset.text(value).strip("\0 "), name, modality)
    return FilePatient("", name, modality)


def _open_data_set(
    head: bytes | memoryview | FileBytes,
) -> tuple[FileMeta, memoryview | FileBytes, Iterator[Element]]:
    """The file meta, the elements one by one, and what their offsets count in."""
    view = memoryview(head) if isinstance(head, bytes) else head
    meta = read_file_meta(view)
    start = meta.data_set_offset
    if meta.transfer_syntax_uid == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN:
        view, start = _inflated_head(view[start : start + _IDENTIFY_DEFLATED_BYTES]), 0
    return meta, view, Walker(view).elements(start, encoding_of(meta.transfer_syntax_uid))


def _short_element(tag: int, vr: bytes, text: str, padding: bytes) -> bytes:
    value = text.encode("ascii")
    value += padding * (len(value) % 2)
    return _SHORT_HEADER.pack(tag >> 16, tag & 0xFFFF, vr, len(value)) + value


def _uid(data: memoryview | FileBytes, offset: int, length: int) -> str:
    return bytes(data[offset : offset + length]).decode("latin-1").strip("\0 ")


def required_uid(value: str | None, keyword: str) -> str:
    """The UID that is called so. Raises InstanceMalformedError: it is missing, or no UID."""
    try:
        return parse_uid(value or "", keyword)
    except InvalidArgumentError:
        raise InstanceMalformedError(f"{keyword} is missing or is no UID") from None


def _inflated_head(deflated: bytes | memoryview) -> memoryview:
    try:
        return memoryview(zlib.decompressobj(-zlib.MAX_WBITS).decompress(deflated, _IDENTIFY_INFLATED_BYTES))
    except zlib.error:
        raise InstanceMalformedError("the deflated data set can't be inflated") from None
