"""From Explicit VR Little Endian to the other transfer syntaxes in which pixels are native (PS3.5 A.1, A.5)."""

import zlib
from collections.abc import Iterable, Iterator
from struct import Struct

from radgate_server.core.dicom.dataset.byte_order import Part
from radgate_server.core.dicom.dataset.element_encoding import EXPLICIT_LITTLE
from radgate_server.core.dicom.dataset.file_meta import file_meta_bytes, read_file_meta
from radgate_server.core.dicom.dataset.walker import (
    ITEM,
    ITEM_DELIMITATION,
    SEQUENCE_DELIMITATION,
    UNDEFINED_LENGTH,
    Element,
    Walker,
)
from radgate_server.core.dicom.transfer_syntaxes import DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN

_HEADER = Struct("<HHL")
_DEFLATE_BYTES = 1 << 20


def rewrite_native(file: memoryview, transfer_syntax_uid: str) -> Iterator[Part]:
    """Yield a DICOM file that is in Explicit VR Little Endian in one of REWRITABLE, values as they are.

    Raises:
        InstanceMalformedError: the file does not hold together.
    """
    meta = read_file_meta(file)
    yield file_meta_bytes(meta.sop_class_uid, meta.sop_instance_uid, transfer_syntax_uid)
    yield from _WRITERS[transfer_syntax_uid](file[meta.data_set_offset :])


def _implicit(data: memoryview) -> Iterator[Part]:
    """The data set without its VRs; what reads it takes those of the dictionary, UN for private elements."""
    yield from _elements(data, Walker(data).elements(0, EXPLICIT_LITTLE))


def _elements(data: memoryview, elements: Iterable[Element]) -> Iterator[Part]:
    for element in elements:
        if element.items is None:
            yield _header(element.tag, element.length)
            yield data[element.offset : element.offset + element.length]
            continue
        yield _header(element.tag, UNDEFINED_LENGTH)
        for item in element.items:
            yield _header(ITEM, UNDEFINED_LENGTH)
            yield from _elements(data, item.elements)
            yield _header(ITEM_DELIMITATION, 0)
        yield _header(SEQUENCE_DELIMITATION, 0)


def _header(tag: int, length: int) -> bytes:
    return _HEADER.pack(tag >> 16, tag & 0xFFFF, length)


def _deflated(data: memoryview) -> Iterator[Part]:
    """The data set deflated (RFC 1951), of even length."""
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    size = 0
    for start in range(0, len(data), _DEFLATE_BYTES):
        piece = deflater.compress(data[start : start + _DEFLATE_BYTES])
        size += len(piece)
        yield piece
    rest = deflater.flush()
    yield rest + b"\0" * ((size + len(rest)) % 2)


_WRITERS = {IMPLICIT_VR_LITTLE_ENDIAN: _implicit, DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN: _deflated}
REWRITABLE = frozenset(_WRITERS)
