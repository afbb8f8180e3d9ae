"""InstanceDecoder over pydicom, OpenJPEG and Pillow, in threads of its own."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from radgate_server.adapters.codecs.frames import DecodedFrame, decode_frame
from radgate_server.core.dicom.explicit import Value, explicit_little_endian
from radgate_server.core.dicom.file_meta import encoding_of, file_meta_bytes, read_file_meta
from radgate_server.core.dicom.frames import frame_table
from radgate_server.core.dicom.image_pixel import ImagePixel, image_pixel
from radgate_server.core.dicom.index import inflated_data_set, read_spans
from radgate_server.core.dicom.json_model import PIXEL_DATA_TAGS, JsonModel
from radgate_server.core.dicom.native import NativePixels
from radgate_server.core.dicom.walker import PIXEL_DATA, DataSet, Element, Encoding, Walker
from radgate_server.core.dicom.words import Part
from radgate_server.core.errors import InstanceMalformedError, NotAcceptableError, ObjectNotFoundError
from radgate_server.core.instance_index import FrameTable, InstanceIndex
from radgate_server.core.instances import InstanceContent, InstanceHandle, MemoryContent
from radgate_server.core.transfer_syntaxes import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    TRANSFER_SYNTAXES,
)

MAX_DECODED_BYTES = 2 << 30
"""Pixel Data of one instance; the standard itself ends at 4 GiB (PS3.5 7.1)."""

_PHOTOMETRIC_INTERPRETATION = 0x00280004
_PLANAR_CONFIGURATION = 0x00280006
_LAST_IMAGE_PIXEL_TAG = 0x0028FFFF


class PydicomDecoder:
    """InstanceDecoder with `workers` threads. Whoever makes it closes it."""

    def __init__(self, *, workers: int, max_decoded_bytes: int = MAX_DECODED_BYTES) -> None:
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix="decoder")
        self._max_decoded_bytes = max_decoded_bytes

    async def to_explicit_little_endian(self, handle: InstanceHandle) -> InstanceContent:
        """The whole DICOM file in Explicit VR Little Endian, its values untouched but for pixels and their colour."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._convert, handle)

    async def decode_frame(self, handle: InstanceHandle, index: InstanceIndex, frame_number: int) -> bytes:
        """One frame (from 1), the same bytes as in the whole file converted.

        Raises:
            ObjectNotFoundError: there is no frame of that number.
        """
        table = index.frame_table
        if table is None or not 1 <= frame_number <= table.number_of_frames:
            raise ObjectNotFoundError("the instance has no frame of that number")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, _frame, handle, index, table, frame_number)

    def close(self) -> None:
        """Let running work end, drop what waits."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _convert(self, handle: InstanceHandle) -> InstanceContent:
        with handle.open_buffer() as data:
            parts = self._converted(data, handle.transfer_syntax_uid)
            meta = file_meta_bytes(handle.sop_class_uid, handle.ref.sop_instance_uid, EXPLICIT_VR_LITTLE_ENDIAN)
            return MemoryContent((meta, *_joined(parts)))

    def _converted(self, data: memoryview, transfer_syntax_uid: str) -> list[Part]:
        data, start = _readable(data, transfer_syntax_uid)
        encoding = encoding_of(transfer_syntax_uid)
        data_set = Walker(data).data_set(start, encoding)
        pixel_data = next((element for element in data_set.elements if element.tag in PIXEL_DATA_TAGS), None)
        changes: dict[int, Value] = {}
        if pixel_data is not None:
            image = _image_pixel(data, data_set)
            if pixel_data.fragments is not None:
                changes = self._decoded(data, data_set, image, transfer_syntax_uid)
            elif not encoding.little_endian:
                pixels = NativePixels.of(_value(data, pixel_data), pixel_data.vr, image, little_endian=False)
                changes = {pixel_data.tag: Value(pixel_data.vr, (pixels.little_endian(),))}
        return explicit_little_endian(data, data_set, changes)

    def _decoded(
        self, data: memoryview, data_set: DataSet, image: ImagePixel, transfer_syntax_uid: str
    ) -> dict[int, Value]:
        """Pixel Data decoded, and the attributes that say how to read it as they have to be then."""
        table = frame_table(data, data_set, image, TRANSFER_SYNTAXES.get(transfer_syntax_uid))
        if table is None:
            return {}
        if image.decoded_frame_bytes * table.number_of_frames > self._max_decoded_bytes:
            raise NotAcceptableError("the instance is too large to be decoded as a whole", stored=transfer_syntax_uid)
        frames = list(_decoded_frames(data, table, image, transfer_syntax_uid))
        photometric_interpretation = frames[0].photometric_interpretation
        if any(frame.photometric_interpretation != photometric_interpretation for frame in frames):
            raise InstanceMalformedError("the frames are in different colour spaces")
        changes = {PIXEL_DATA: Value("OW" if image.bits_allocated > 8 else "OB", [frame.pixels for frame in frames])}
        if photometric_interpretation != image.photometric_interpretation:
            changes[_PHOTOMETRIC_INTERPRETATION] = Value("CS", (photometric_interpretation.encode("ascii"),))
        if image.samples_per_pixel > 1:
            changes[_PLANAR_CONFIGURATION] = Value("US", (bytes(2),))
        return changes


def _decoded_frames(
    data: memoryview, table: FrameTable, image: ImagePixel, transfer_syntax_uid: str
) -> Iterator[DecodedFrame]:
    for spans in table.frames:
        yield decode_frame(read_spans(data, spans), image, transfer_syntax_uid)


def _frame(handle: InstanceHandle, index: InstanceIndex, table: FrameTable, frame_number: int) -> bytes:
    with handle.open_buffer() as file:
        data, start = _readable(file, index.transfer_syntax_uid)
        encoding = encoding_of(index.transfer_syntax_uid)
        if table.frames and not table.encapsulated and encoding.little_endian:
            return read_spans(data, table.frames[frame_number - 1])
        image = _image_pixel_at(data, start, encoding)
        if table.encapsulated:
            encoded = read_spans(data, table.frames[frame_number - 1])
            return decode_frame(encoded, image, index.transfer_syntax_uid).pixels
        item = next(index.bulk[path] for tag in PIXEL_DATA_TAGS if (path := f"{tag:08X}") in index.bulk)
        offset, length = item.spans[0]
        value = data[offset : offset + length]
        return NativePixels.of(value, item.vr, image, little_endian=encoding.little_endian).frame(image, frame_number)


def _readable(data: memoryview, transfer_syntax_uid: str) -> tuple[memoryview, int]:
    """Bytes in which the index's spans count, and where in them the data set begins."""
    if transfer_syntax_uid == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN:
        return inflated_data_set(data), 0
    return data, read_file_meta(data).data_set_offset


def _image_pixel_at(data: memoryview, start: int, encoding: Encoding) -> ImagePixel:
    """Read no further than the attributes lie: per-frame functional groups come after them."""
    elements: list[Element] = []
    for element in Walker(data).elements(start, encoding):
        if element.tag > _LAST_IMAGE_PIXEL_TAG:
            break
        elements.append(element)
    return _image_pixel(data, DataSet(elements, encoding.little_endian))


def _image_pixel(data: memoryview, data_set: DataSet) -> ImagePixel:
    elements = [element for element in data_set.elements if element.tag >> 16 == 0x0028]
    return image_pixel(JsonModel(data).of(DataSet(elements, data_set.little_endian)))


def _value(data: memoryview, element: Element) -> memoryview:
    return data[element.offset : element.offset + element.length]


def _joined(parts: list[Part]) -> Iterator[bytes]:
    """Join the small pieces between large ones; what comes out does not refer to the file's buffer any more."""
    small: list[Part] = []
    for part in parts:
        if len(part) < 1 << 16:
            small.append(part)
            continue
        yield b"".join(small)
        yield bytes(part)
        small = []
    yield b"".join(small)
