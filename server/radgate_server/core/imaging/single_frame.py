"""A small instance of one frame taken apart in one go: the frame, and the data set that stands around it."""

from collections.abc import Sequence
from typing import NamedTuple, cast

from radgate_server.core.dicom.dataset.opened_file import OpenedFile, open_file
from radgate_server.core.dicom.dataset.walker import PIXEL_DATA, Element
from radgate_server.core.dicom.indexing import read_spans
from radgate_server.core.dicom.instance_index import FrameTable, Span
from radgate_server.core.dicom.pixel_data.frame_locations import frame_table
from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel
from radgate_server.core.dicom.pixel_data.native import NativePixels
from radgate_server.core.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN, TRANSFER_SYNTAXES
from radgate_server.core.imaging.frames import StoredFrame

SMALL_BYTES = 4 << 20
"""Of the file, and of its pixels when they are decoded."""


class SingleFrameFile(NamedTuple):
    """`around` lacks the pixels. The frame lies in the file's own bytes where it can, and keeps them alive."""

    frame: StoredFrame
    around: OpenedFile


def take_apart(file: memoryview) -> SingleFrameFile | None:
    """Take a DICOM file apart; None when it has not exactly one frame of Pixel Data, or a large one, or of single bits.

    The frame is as StoredFrames gives it: as stored when it is encapsulated, a native one in little endian.

    Raises:
        InstanceMalformedError: the file does not hold together.
    """
    opened = open_file(file)
    pixel_data, image = opened.pixel_data, opened.image()
    if pixel_data is None or pixel_data.tag != PIXEL_DATA or image.number_of_frames != 1:
        return None
    if not 0 < image.decoded_frame_bytes <= SMALL_BYTES:
        return None
    table = frame_table(opened.data, opened.data_set, image, TRANSFER_SYNTAXES.get(opened.transfer_syntax_uid))
    if table is None:
        return None
    syntax = opened.transfer_syntax_uid if table.encapsulated else EXPLICIT_VR_LITTLE_ENDIAN
    return SingleFrameFile(StoredFrame(_frame(opened, pixel_data, table, image), syntax, image), opened.detached())


def _frame(opened: OpenedFile, pixel_data: Element, table: FrameTable, image: ImagePixel) -> bytes:
    if table.encapsulated or opened.data_set.little_endian:
        return _where_it_lies(opened.data, table.frames[0])
    value = opened.data[pixel_data.offset : pixel_data.offset + pixel_data.length]
    return NativePixels.of(value, pixel_data.vr, image, little_endian=False).frame(image, 1)


def _where_it_lies(data: memoryview, spans: Sequence[Span]) -> bytes:
    """Without a copy where it is in one piece; memory that is mapped goes when it is released."""
    if len(spans) == 1 and isinstance(data.obj, bytes):
        offset, length = spans[0]
        return cast("bytes", data[offset : offset + length])
    return read_spans(data, spans)
