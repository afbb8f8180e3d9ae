"""The headers of DICOM files: read up to the pixels, kept as DICOM JSON."""

import json
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from radgate_server.core.dicom.data_sets import DicomJson
from radgate_server.core.dicom.dataset.element_encoding import Encoding, truncated
from radgate_server.core.dicom.dataset.file_meta import encoding_of, identify, read_file_meta
from radgate_server.core.dicom.dataset.json_model import JsonModel
from radgate_server.core.dicom.dataset.walker import DataSet, Element, Walker
from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.dicom.instances import FileContent, InstanceContent
from radgate_server.core.dicom.transfer_syntaxes import DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN
from radgate_server.core.errors import InstanceMalformedError
from radgate_server.core.query.return_attributes import IMAGE_ATTRIBUTES

_HEAD_BYTES = (64 << 10, 1 << 20, 16 << 20, 128 << 20)
"""How much of a file is read, more each time while the header continues. A longer header is malformed."""
_PIXEL_GROUP = (b"\xe0\x7f", b"\x7f\xe0")  # (7FE0,xxxx) in little and big endian
_PREFIX_END = 132
_PREFIX = b"DICM"
_COMPRESSION_LEVEL = 1
_MEDIA_STORAGE_DIRECTORY_STORAGE = "1.2.840.10008.1.3.10"


@dataclass(frozen=True, slots=True)
class HeldInstance:
    """An instance of a collection. `short_header` is JSON of IMAGE_ATTRIBUTES, `header` deflated JSON of all."""

    ref: InstanceRef
    sop_class_uid: str
    transfer_syntax_uid: str
    content: InstanceContent
    short_header: bytes
    header: bytes
    modified_ns: int = 0


def read_instance(path: Path) -> HeldInstance | None:
    """Read a file's header; None when it is no DICOM file or, as DICOMDIR, holds no instance of a study.

    Raises:
        InstanceMalformedError: it is a DICOM file, but a broken one.
        OSError: it can't be read.
    """
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        content = FileContent(path, status.st_size)
        return _read_growing(file, content, status.st_mtime_ns)


def _read_growing(file: BinaryIO, content: FileContent, modified_ns: int) -> HeldInstance | None:
    for head_bytes in _HEAD_BYTES:
        file.seek(0)
        head = file.read(head_bytes)
        if head[_PREFIX_END - len(_PREFIX) : _PREFIX_END] != _PREFIX:
            return None
        try:
            return describe(head, content, modified_ns)
        except InstanceMalformedError:
            if len(head) == content.size_bytes:
                raise
    raise InstanceMalformedError("the instance's header is too long")


def describe(head: bytes, content: InstanceContent, modified_ns: int = 0) -> HeldInstance | None:
    """Make the record of an instance from its file's first bytes, which must reach to the pixels.

    None for what is no instance of a study: a DICOMDIR.

    Raises:
        InstanceMalformedError: the header does not hold together, lacks a UID, or continues beyond `head`.
    """
    view = memoryview(head)
    meta = read_file_meta(view)
    if meta.sop_class_uid == _MEDIA_STORAGE_DIRECTORY_STORAGE:
        return None
    identity = identify(view)
    start = meta.data_set_offset
    if meta.transfer_syntax_uid == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN:
        view, start = _inflated(view[start:]), 0
    encoding = encoding_of(meta.transfer_syntax_uid)
    elements = _elements_before_pixels(view, start, encoding, whole=len(head) == content.size_bytes)
    header = _without_references(JsonModel(view).of(DataSet(elements, encoding.little_endian)))
    return HeldInstance(
        identity.ref,
        identity.sop_class_uid,
        identity.transfer_syntax_uid,
        content,
        _to_json({tag: header[tag] for tag in IMAGE_ATTRIBUTES if tag in header}),
        zlib.compress(_to_json(header), _COMPRESSION_LEVEL),
        modified_ns,
    )


def _elements_before_pixels(view: memoryview, start: int, encoding: Encoding, *, whole: bool) -> list[Element]:
    elements: list[Element] = []
    end = start
    try:
        for element in Walker(view).elements(start, encoding):
            elements.append(element)
            end = element.offset + element.length
            if _pixels_begin(view, end):
                return elements
    except InstanceMalformedError:
        if _pixels_begin(view, end):
            return elements
        raise
    if not whole:
        raise truncated()
    return elements


def _pixels_begin(view: memoryview, at: int) -> bool:
    return bytes(view[at : at + 2]) in _PIXEL_GROUP


def _inflated(deflated: memoryview) -> memoryview:
    try:
        return memoryview(zlib.decompressobj(-zlib.MAX_WBITS).decompress(deflated, _HEAD_BYTES[-1]))
    except zlib.error:
        raise InstanceMalformedError("the deflated data set can't be inflated") from None


def _without_references(value: Any) -> Any:
    """Drop attributes whose values are not in the header (bulk data), at whichever depth."""
    attributes: DicomJson = {}
    for tag, attribute in value.items():
        if "BulkDataURI" in attribute:
            continue
        if attribute["vr"] == "SQ" and "Value" in attribute:
            attribute = {"vr": "SQ", "Value": [_without_references(item) for item in attribute["Value"]]}
        attributes[tag] = attribute
    return attributes


def _to_json(attributes: DicomJson) -> bytes:
    return json.dumps(attributes, ensure_ascii=False, separators=(",", ":"), check_circular=False).encode()
