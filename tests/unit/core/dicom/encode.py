"""Small data sets written by hand, right or wrong."""

import struct

from radgate_server.core.dicom.dataset.file_meta import file_meta_bytes
from radgate_server.core.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN

UNDEFINED = 0xFFFFFFFF
ITEM_END = b"\xfe\xff\x0d\xe0\0\0\0\0"
SEQUENCE_END = b"\xfe\xff\xdd\xe0\0\0\0\0"
_LONG = {"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"}


def element(tag: int, vr: str, value: bytes = b"", length: int | None = None, *, big: bool = False) -> bytes:
    """Explicit VR; `length` overrides the value's own."""
    order, length = ">" if big else "<", len(value) if length is None else length
    head = struct.pack(f"{order}HH2s", tag >> 16, tag & 0xFFFF, vr.encode())
    return head + struct.pack(f"{order}xxL" if vr in _LONG else f"{order}H", length) + value


def implicit(tag: int, value: bytes = b"", length: int | None = None) -> bytes:
    return struct.pack("<HHL", tag >> 16, tag & 0xFFFF, len(value) if length is None else length) + value


def item(content: bytes, length: int | None = None) -> bytes:
    return struct.pack("<HHL", 0xFFFE, 0xE000, len(content) if length is None else length) + content


def sequence(tag: int, *items: bytes) -> bytes:
    return element(tag, "SQ", b"".join(items))


def encapsulated(*fragments: bytes, offsets: bytes = b"") -> bytes:
    content = item(offsets) + b"".join(map(item, fragments)) + SEQUENCE_END
    return element(0x7FE00010, "OB", content, UNDEFINED)


def us(tag: int, value: int) -> bytes:
    return element(tag, "US", struct.pack("<H", value))


def image(rows: int, columns: int, bits: int = 8, frames: int = 1, samples: int = 1) -> bytes:
    """The Image Pixel attributes."""
    return (
        us(0x00280002, samples)
        + element(0x00280004, "CS", b"MONOCHROME2 " if samples == 1 else b"RGB ")
        + element(0x00280008, "IS", f"{frames:<6}".encode())
        + us(0x00280010, rows)
        + us(0x00280011, columns)
        + us(0x00280100, bits)
        + us(0x00280101, bits)
        + us(0x00280102, bits - 1)
        + us(0x00280103, 0)
    )


def file(data_set: bytes, transfer_syntax_uid: str = EXPLICIT_VR_LITTLE_ENDIAN) -> memoryview:
    return memoryview(file_meta_bytes("1.2.840.10008.5.1.4.1.1.7", "1.2.3", transfer_syntax_uid) + data_set)


def implicit_file(data_set: bytes) -> memoryview:
    return file(data_set, IMPLICIT_VR_LITTLE_ENDIAN)
