"""The DICOM JSON model (PS3.18 annex F) of an encoded data set, headers whole, large binary values by reference."""

import json
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Any

from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from radgate_server.core.dicom.data_sets import DicomJson
from radgate_server.core.dicom.dataset.byte_order import Part, little_endian_value
from radgate_server.core.dicom.dataset.charset import DEFAULT_CHARSET, Charset, charset_of
from radgate_server.core.dicom.dataset.element_encoding import (
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    Encoding,
    resolved_vr,
)
from radgate_server.core.dicom.dataset.json_values import BINARY_VRS, CONVERTERS
from radgate_server.core.dicom.dataset.walker import DataSet, Element, Walker, has_signed_pixels
from radgate_server.core.dicom.instance_index import BULK_DATA_ROOT, BulkItem, Span
from radgate_server.core.errors import InstanceMalformedError

MAX_INLINE_BYTES = 1024
"""Larger binary values are given by reference."""
MAX_VALUE_BYTES = 1 << 20
"""Larger values of other VRs are given by reference too: as text or numbers they would take many times the memory."""
MAX_HEADER_BYTES = 64 << 20
"""What all values that are not given by reference may take together."""

PIXEL_DATA_TAGS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
"""Float, Double Float and (integer) Pixel Data: by reference whatever their size, in icons too."""

_SPECIFIC_CHARACTER_SET = 0x00080005
_LUT_DESCRIPTORS = frozenset({0x00281101, 0x00281102, 0x00281103, 0x00283002})
_UTF8 = {"vr": "CS", "Value": ["ISO_IR 192"]}


@dataclass(slots=True)
class JsonModel:
    """Builds the model of one instance whose encoded bytes are `data`.

    `bulk` fills with what the model gives by reference; None keeps everything inline (answers to queries).
    """

    data: memoryview
    bulk: dict[str, BulkItem] | None = field(default_factory=dict)
    _bytes_left: int = MAX_HEADER_BYTES

    def of(self, data_set: DataSet) -> DicomJson:
        """Convert the data set; group lengths are left out, text is decoded.

        Raises:
            InstanceMalformedError: its header is larger than MAX_HEADER_BYTES.
        """
        return self._data_set(data_set, DEFAULT_CHARSET, False, "")

    def _data_set(self, data_set: DataSet, charset: Charset, signed: bool, path: str) -> DicomJson:
        charset, signed = self._charset(data_set, charset), has_signed_pixels(self.data, data_set, signed)
        result: DicomJson = {}
        for element in data_set.elements:
            tag, vr, _, length, items, _ = element
            if not tag & 0xFFFF:
                continue
            key = f"{tag:08X}"
            if len(vr) != 2:
                vr = resolved_vr(vr, signed)
            if items is not None:
                result[key] = self._sequence(items, charset, signed, f"{path}{key}/")
            elif not length:
                result[key] = {"vr": vr}
            elif self.bulk is not None and _by_reference(tag, vr, length):
                result[key] = _reference(element, vr, f"{path}{key}", self.bulk)
            else:
                result[key] = self._inline(element, vr, charset, data_set.little_endian)
        if "00080005" in result:
            result["00080005"] = _UTF8
        return result

    def _charset(self, data_set: DataSet, inherited: Charset) -> Charset:
        """What an item says of itself, else what surrounds it says (PS3.5 7.5.3)."""
        for element in data_set.elements:
            if element.tag == _SPECIFIC_CHARACTER_SET and element.length <= MAX_INLINE_BYTES:
                return charset_of(self._raw(element).decode("latin-1").split("\\"))
            if element.tag > _SPECIFIC_CHARACTER_SET:
                break
        return inherited

    def _sequence(self, items: tuple[DataSet, ...], charset: Charset, signed: bool, path: str) -> dict[str, Any]:
        if not items:
            return {"vr": "SQ"}
        values = [self._data_set(item, charset, signed, f"{path}{number}/") for number, item in enumerate(items)]
        return {"vr": "SQ", "Value": values}

    def _inline(self, element: Element, vr: str, charset: Charset, little_endian: bool) -> dict[str, Any]:
        self._bytes_left -= element.length
        if self._bytes_left < 0:
            raise InstanceMalformedError(f"the instance's header is larger than {MAX_HEADER_BYTES} bytes")
        raw = self._raw(element)
        if vr in BINARY_VRS:
            return _binary(vr, little_endian_value(raw, vr, little_endian=little_endian))
        try:
            values = CONVERTERS[vr](raw, charset, little_endian)
        except ValueError:
            # One element of a wrong length must not cost the instance: its bytes are kept for who can read them.
            return _binary("UN", raw)
        if element.tag in _LUT_DESCRIPTORS and vr == "SS" and len(values) == 3:
            # The number of entries and the bits are unsigned, whatever the pixels are (PS3.3 C.11.1.1).
            values = [values[0] & 0xFFFF, values[1], values[2] & 0xFFFF]
        return {"vr": vr} if values == [None] else {"vr": vr, "Value": values}

    def _raw(self, element: Element) -> bytes:
        return bytes(self.data[element.offset : element.offset + element.length])


def data_set_to_json(encoded: bytes | memoryview, encoding: Encoding) -> DicomJson:
    """Convert an encoded data set without file meta, such as a C-FIND identifier; every value is inline.

    Raises:
        InstanceMalformedError: it does not hold together.
    """
    data = memoryview(encoded)
    return JsonModel(data, None).of(Walker(data).data_set(0, encoding))


def dataset_to_json(dataset: Dataset) -> DicomJson:
    """Convert pydicom's data set by the same rules; every value is inline.

    Elements that were read and not touched are never interpreted by pydicom on the way.

    Raises:
        InstanceMalformedError: it does not hold together.
    """
    implicit, little_endian = dataset.original_encoding
    encoding = EXPLICIT_LITTLE
    if implicit:
        encoding = IMPLICIT_LITTLE
    elif little_endian is False:
        encoding = EXPLICIT_BIG
    file = DicomBytesIO()
    file.is_implicit_VR, file.is_little_endian = not encoding.explicit, encoding.little_endian
    try:
        write_dataset(file, dataset)
    except Exception:  # noqa: BLE001 - pydicom raises a type made by its values, with them in the message
        raise InstanceMalformedError("a data set holds values that can't be encoded") from None
    return data_set_to_json(file.getvalue(), encoding)


def dump(model: DicomJson) -> bytes:
    """Write the model as UTF-8, which it says it is when it holds more than ASCII."""
    text = json.dumps(model, ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False)
    if "00080005" not in model and not text.isascii():
        return dump({"00080005": _UTF8, **model})
    return text.encode()


def _by_reference(tag: int, vr: str, length: int) -> bool:
    if tag in PIXEL_DATA_TAGS:
        return True
    return length > (MAX_INLINE_BYTES if vr in BINARY_VRS else MAX_VALUE_BYTES)


def _binary(vr: str, raw: Part) -> dict[str, Any]:
    return {"vr": vr, "InlineBinary": b64encode(raw).decode("ascii")}


def _reference(element: Element, vr: str, path: str, bulk: dict[str, BulkItem]) -> dict[str, Any]:
    spans = (Span(element.offset, element.length),) if element.fragments is None else element.fragments[1:]
    bulk[path] = BulkItem(vr, spans)
    return {"vr": vr, "BulkDataURI": BULK_DATA_ROOT + path}
