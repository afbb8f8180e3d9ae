"""What a data set says once its pixels were compressed with loss: an image of its own (PS3.3 C.7.6.1.1, C.12.4)."""

from dataclasses import dataclass
from uuid import NAMESPACE_OID, uuid5

from radgate_server.core.dicom.dataset.byte_order import Part
from radgate_server.core.dicom.dataset.explicit_writer import Value, encoded_item, encoded_items
from radgate_server.core.dicom.dataset.walker import DataSet
from radgate_server.core.dicom.transfer_syntaxes import (
    HTJ2K,
    JPEG_2000,
    JPEG_BASELINE,
    JPEG_EXTENDED,
    JPEG_LS_NEAR_LOSSLESS,
    JPEG_PROGRESSIVE,
    JPEG_SPECTRAL_SELECTION,
    JPEG_XL_JPEG_RECOMPRESSION,
)
from radgate_server.core.imaging.frames import EncodeTarget

_IMAGE_TYPE = 0x00080008
_SOP_INSTANCE_UID = 0x00080018
_DERIVATION_DESCRIPTION = 0x00082111
_SOURCE_IMAGE_SEQUENCE = 0x00082112
_REFERENCED_SOP_CLASS_UID = 0x00081150
_REFERENCED_SOP_INSTANCE_UID = 0x00081155
_DERIVATION_CODE_SEQUENCE = 0x00089215
_LOSSY_IMAGE_COMPRESSION = 0x00282110
_LOSSY_IMAGE_COMPRESSION_RATIO = 0x00282112
_LOSSY_IMAGE_COMPRESSION_METHOD = 0x00282114
_PURPOSE_OF_REFERENCE_CODE_SEQUENCE = 0x0040A170
_CODE_VALUE = 0x00080100
_CODING_SCHEME_DESIGNATOR = 0x00080102
_CODE_MEANING = 0x00080104

_LOSSY_COMPRESSION = ("113040", "Lossy Compression")  # PS3.16 CID 7203
_UNCOMPRESSED_PREDECESSOR = ("121320", "Uncompressed predecessor")  # PS3.16 CID 7202
_SOURCE_IMAGE = ("121322", "Source image for image processing operation")
_MAX_DESCRIPTION_LENGTH = 1024  # of VR ST

METHODS = {
    JPEG_BASELINE: "ISO_10918_1",
    JPEG_EXTENDED: "ISO_10918_1",
    JPEG_LS_NEAR_LOSSLESS: "ISO_14495_1",
    JPEG_2000: "ISO_15444_1",
    HTJ2K: "ISO_15444_15",
}
"""Defined terms of Lossy Image Compression Method by transfer syntax (PS3.3 C.7.6.1.1.5.1)."""

ALWAYS_LOSSY = frozenset(
    {JPEG_BASELINE, JPEG_EXTENDED, JPEG_SPECTRAL_SELECTION, JPEG_PROGRESSIVE, JPEG_XL_JPEG_RECOMPRESSION}
)
"""Their transform does not give back what it was given, whatever the data set says of that."""


@dataclass(frozen=True, slots=True)
class Source:
    """The instance that was compressed."""

    sop_class_uid: str
    sop_instance_uid: str


@dataclass(frozen=True, slots=True)
class Derivation:
    """How. `ratio` is the bytes of the uncompressed pixels to those that they were compressed to."""

    source: Source
    target: EncodeTarget
    ratio: float

    @property
    def sop_instance_uid(self) -> str:
        """That of the new instance."""
        return derived_uid(self.source.sop_instance_uid, self.target)


def derived_uid(sop_instance_uid: str, target: EncodeTarget) -> str:
    """A UID below 2.25 (PS3.5 B.2) that is the same whenever the same is made of the same."""
    name = f"{sop_instance_uid} {target.transfer_syntax_uid} {target.quality} {target.near}"
    return f"2.25.{uuid5(NAMESPACE_OID, name).int}"


def derived_attributes(data: memoryview, data_set: DataSet, derivation: Derivation) -> dict[int, Value]:
    """The attributes that are other than in the source, what it said of earlier compressions kept in front."""
    method = METHODS[derivation.target.transfer_syntax_uid]
    ratio = f"{derivation.ratio:.2f}"
    source_item = _source_item(data, data_set, derivation)
    return {
        _IMAGE_TYPE: _derived(_raw(data, data_set, _IMAGE_TYPE)),
        _SOP_INSTANCE_UID: Value.text("UI", derivation.sop_instance_uid),
        _DERIVATION_DESCRIPTION: _described(_raw(data, data_set, _DERIVATION_DESCRIPTION), method, ratio),
        _SOURCE_IMAGE_SEQUENCE: _appended(data, data_set, _SOURCE_IMAGE_SEQUENCE, source_item),
        _DERIVATION_CODE_SEQUENCE: _appended(
            data, data_set, _DERIVATION_CODE_SEQUENCE, _code_item(*_LOSSY_COMPRESSION)
        ),
        _LOSSY_IMAGE_COMPRESSION: Value.text("CS", "01"),
        _LOSSY_IMAGE_COMPRESSION_RATIO: _one_more(_raw(data, data_set, _LOSSY_IMAGE_COMPRESSION_RATIO), "DS", ratio),
        _LOSSY_IMAGE_COMPRESSION_METHOD: _one_more(_raw(data, data_set, _LOSSY_IMAGE_COMPRESSION_METHOD), "CS", method),
    }


def lossy_before(stored: str) -> dict[int, Value]:
    """Once lossy, always lossy (PS3.3 C.7.6.1.1.5): what has to be said of pixels that were stored in such a syntax."""
    return {_LOSSY_IMAGE_COMPRESSION: Value.text("CS", "01")} if stored in ALWAYS_LOSSY else {}


def _raw(data: memoryview, data_set: DataSet, tag: int) -> bytes:
    for element in data_set.elements:
        if element.tag == tag:
            return bytes(data[element.offset : element.offset + element.length]).strip(b" \0")
    return b""


def _derived(image_type: bytes) -> Value:
    _, *others = image_type.split(b"\\")
    return Value("CS", (b"\\".join((b"DERIVED", *(others or (b"PRIMARY",)))),))


def _described(description: bytes, method: str, ratio: str) -> Value:
    added = f"Lossy compression by {method}, ratio {ratio}".encode("ascii")
    longer = b"; ".join(filter(None, (description, added)))
    return Value("ST", (longer if len(longer) <= _MAX_DESCRIPTION_LENGTH else description,))


def _one_more(values: bytes, vr: str, value: str) -> Value:
    return Value(vr, (b"\\".join(filter(None, (values, value.encode("ascii")))),))


def _appended(data: memoryview, data_set: DataSet, tag: int, item: list[Part]) -> Value:
    return Value("SQ", (*encoded_items(data, data_set, tag), *item))


def _source_item(data: memoryview, data_set: DataSet, derivation: Derivation) -> list[Part]:
    lossy_already = _raw(data, data_set, _LOSSY_IMAGE_COMPRESSION) == b"01"
    purpose = _code_item(*(_SOURCE_IMAGE if lossy_already else _UNCOMPRESSED_PREDECESSOR))
    return encoded_item(
        {
            _REFERENCED_SOP_CLASS_UID: Value.text("UI", derivation.source.sop_class_uid),
            _REFERENCED_SOP_INSTANCE_UID: Value.text("UI", derivation.source.sop_instance_uid),
            _PURPOSE_OF_REFERENCE_CODE_SEQUENCE: Value("SQ", purpose),
        }
    )


def _code_item(code: str, meaning: str) -> list[Part]:
    return encoded_item(
        {
            _CODE_VALUE: Value.text("SH", code),
            _CODING_SCHEME_DESIGNATOR: Value.text("SH", "DCM"),
            _CODE_MEANING: Value.text("LO", meaning),
        }
    )
