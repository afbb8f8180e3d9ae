"""Writing a DICOM file around pixels that were encoded again."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from radgate_server.core.dicom.dataset.byte_order import Part
from radgate_server.core.dicom.dataset.explicit_writer import Value, element_header, explicit_little_endian
from radgate_server.core.dicom.dataset.file_meta import encoding_of, file_meta_bytes
from radgate_server.core.dicom.dataset.opened_file import OpenedFile, open_file
from radgate_server.core.dicom.dataset.walker import PIXEL_DATA, UNDEFINED_LENGTH, Element
from radgate_server.core.dicom.pixel_data.encapsulation import PIXEL_DATA_END, offset_table
from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel
from radgate_server.core.dicom.pixel_data.native import NativePixels
from radgate_server.core.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN, TRANSFER_SYNTAXES
from radgate_server.core.imaging.derivation import Derivation, Source, derived_attributes, lossy_before

_PHOTOMETRIC_INTERPRETATION = 0x00280004
_PLANAR_CONFIGURATION = 0x00280006
_HIGH_BIT = 0x00280102
_NUMBERS = {
    0x00280002: "samples_per_pixel",
    0x00280100: "bits_allocated",
    0x00280101: "bits_stored",
    0x00280103: "pixel_representation",
}
_DIGITAL_SIGNATURES = frozenset({0x4FFE0001, 0xFFFAFFFA})
_JOINED_BELOW_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class EncodedPixels:
    """What the frames are now: how each pixel is to be read, and the length of each frame in bytes.

    `derivation` when something was lost.
    """

    transfer_syntax_uid: str
    before: ImagePixel
    after: ImagePixel
    frame_bytes: Sequence[int]
    derivation: Derivation | None = None

    @property
    def encapsulated(self) -> bool:
        """Whether frames stand in items (`encapsulation.frame_item`), not side by side."""
        return TRANSFER_SYNTAXES[self.transfer_syntax_uid].kind != "native"


class FileEnvelope(NamedTuple):
    """What stands in the DICOM file before the first frame and behind the last."""

    before: bytes
    after: bytes


def write_envelope(file: OpenedFile, source: Source, pixels: EncodedPixels) -> FileEnvelope:
    """Write the file again, but for its frames: those come between, encapsulated by `frame_item` or side by side.

    Values stay as they are but for those that say how to read the pixels and, when something was lost, what that made
    of the image. Digital signatures of an image that lost something are left out: they sign another.
    """
    changes = _image_pixel_changes(pixels) | lossy_before(file.transfer_syntax_uid)
    sop_instance_uid = source.sop_instance_uid
    if pixels.derivation is not None:
        changes |= derived_attributes(file.data, file.data_set, pixels.derivation)
        sop_instance_uid = pixels.derivation.sop_instance_uid
        unsigned = [element for element in file.data_set.elements if element.tag not in _DIGITAL_SIGNATURES]
        file = file._replace(data_set=file.data_set._replace(elements=unsigned))
    meta = file_meta_bytes(source.sop_class_uid, sop_instance_uid, pixels.transfer_syntax_uid)
    opening, extended, closing = _pixel_data(pixels)
    head = explicit_little_endian(file.data, file.part(range(PIXEL_DATA)), changes | extended)
    tail = explicit_little_endian(file.data, file.part(range(PIXEL_DATA + 1, 1 << 32)), {})
    return FileEnvelope(b"".join((meta, *head, *opening)), b"".join((*closing, *tail)))


def write_explicit_little_endian(file: memoryview, source: Source) -> tuple[bytes, ...]:
    """The file in Explicit VR Little Endian, as pieces; Pixel Data are native already, or left out.

    Raises:
        InstanceMalformedError: the file does not hold together.
    """
    opened = open_file(file)
    changes: dict[int, Value] = {}
    pixel_data = opened.pixel_data
    if pixel_data is not None and not encoding_of(opened.transfer_syntax_uid).little_endian:
        changes = {pixel_data.tag: _turned_around(opened, pixel_data)}
    meta = file_meta_bytes(source.sop_class_uid, source.sop_instance_uid, EXPLICIT_VR_LITTLE_ENDIAN)
    return _joined((meta, *explicit_little_endian(opened.data, opened.data_set, changes)))


def _image_pixel_changes(pixels: EncodedPixels) -> dict[int, Value]:
    """The Image Pixel attributes (PS3.3 C.7.6.3) that are others now."""
    before, after = pixels.before, pixels.after
    changes = {
        tag: Value.unsigned_short(getattr(after, name))
        for tag, name in _NUMBERS.items()
        if getattr(after, name) != getattr(before, name)
    }
    if _high_bit(after) != _high_bit(before):
        changes[_HIGH_BIT] = Value.unsigned_short(_high_bit(after))
    # Of colour in any case: what it was before is not always what the data set says (ImagePixel.of_native).
    if after.samples_per_pixel > 1 or after.photometric_interpretation != before.photometric_interpretation:
        changes[_PHOTOMETRIC_INTERPRETATION] = Value.text("CS", after.photometric_interpretation)
    if after.samples_per_pixel > 1:
        changes[_PLANAR_CONFIGURATION] = Value.unsigned_short(after.planar_configuration)
    return changes


def _high_bit(image: ImagePixel) -> int:
    return image.high_bit if image.high_bit >= 0 else image.bits_stored - 1


def _pixel_data(pixels: EncodedPixels) -> tuple[tuple[bytes, ...], dict[int, Value], tuple[bytes, ...]]:
    """What opens Pixel Data, the elements that belong before it, and what closes it."""
    if pixels.encapsulated:
        table = offset_table(pixels.frame_bytes)
        header = element_header(PIXEL_DATA, "OB", UNDEFINED_LENGTH)
        return (header, table.item), table.elements, (PIXEL_DATA_END,)
    length = sum(pixels.frame_bytes)
    padding = b"\0" * (length % 2)
    header = element_header(PIXEL_DATA, "OW" if pixels.after.bits_allocated > 8 else "OB", length + len(padding))
    return (header,), {}, (padding,)


def _turned_around(opened: OpenedFile, pixel_data: Element) -> Value:
    value = opened.data[pixel_data.offset : pixel_data.offset + pixel_data.length]
    pixels = NativePixels.of(value, pixel_data.vr, opened.image(), little_endian=False)
    return Value(pixel_data.vr, (pixels.little_endian(),))


def _joined(parts: Sequence[Part]) -> tuple[bytes, ...]:
    """Join the small pieces between large ones; what comes out does not refer to the file's buffer any more."""
    joined: list[bytes] = []
    small: list[Part] = []
    for part in chain(parts, (None,)):
        if part is not None and len(part) < _JOINED_BELOW_BYTES:
            small.append(part)
            continue
        joined.append(b"".join(small))
        small = []
        if part is not None:
            joined.append(bytes(part))
    return tuple(joined)
