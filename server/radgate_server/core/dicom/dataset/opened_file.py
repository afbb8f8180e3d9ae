"""A DICOM file whose elements have been found, for whoever takes more than one thing out of it."""

from typing import NamedTuple

from radgate_server.core.dicom.dataset.file_meta import encoding_of, read_file_meta
from radgate_server.core.dicom.dataset.inflate import MAX_INFLATED_BYTES, inflate
from radgate_server.core.dicom.dataset.json_model import PIXEL_DATA_TAGS, JsonModel
from radgate_server.core.dicom.dataset.walker import DataSet, Element, Walker
from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel, image_pixel
from radgate_server.core.dicom.transfer_syntaxes import DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN

_IMAGE_PIXEL_GROUP = range(0x00280000, 0x00290000)


class OpenedFile(NamedTuple):
    """`data` are the bytes in which the elements lie: the file's own, or those of the inflated data set."""

    transfer_syntax_uid: str
    data: memoryview
    data_set: DataSet

    @property
    def pixel_data(self) -> Element | None:
        """Pixel Data, be they Float or Double Float Pixel Data; None when there are none."""
        return next((element for element in self.data_set.elements if element.tag in PIXEL_DATA_TAGS), None)

    def part(self, tags: range) -> DataSet:
        """The elements with these tags."""
        elements = [element for element in self.data_set.elements if element.tag in tags]
        return DataSet(elements, self.data_set.little_endian)

    def image(self) -> ImagePixel:
        """What the data set says of its pixels, and native ones are."""
        image, pixel_data = image_pixel(JsonModel(self.data).of(self.part(_IMAGE_PIXEL_GROUP))), self.pixel_data
        return image.of_native(pixel_data.length) if pixel_data and pixel_data.fragments is None else image

    def detached(self) -> "OpenedFile":
        """The same over bytes of its own; those of Pixel Data are left out when nothing stands behind them."""
        last = self.data_set.elements[-1] if self.data_set.elements else None
        end = last.offset if last is not None and last is self.pixel_data else len(self.data)
        return self._replace(data=memoryview(bytes(self.data[:end])))


def open_file(file: memoryview, limit_bytes: int = MAX_INFLATED_BYTES) -> OpenedFile:
    """Find the elements of a DICOM file.

    Raises:
        InstanceMalformedError: the file does not hold together, or goes beyond the limits of this package.
    """
    meta = read_file_meta(file)
    data, start = file, meta.data_set_offset
    if meta.transfer_syntax_uid == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN:
        data, start = inflated_data_set(file, limit_bytes), 0
    data_set = Walker(data).data_set(start, encoding_of(meta.transfer_syntax_uid))
    return OpenedFile(meta.transfer_syntax_uid, data, data_set)


def inflated_data_set(data: memoryview, limit_bytes: int = MAX_INFLATED_BYTES) -> memoryview:
    """Return the data set of a file in Deflated Explicit VR Little Endian, in which its index's spans count.

    Raises:
        InstanceMalformedError: it is damaged, truncated, or inflates beyond `limit_bytes` or out of proportion.
    """
    return memoryview(inflate(data[read_file_meta(data).data_set_offset :], limit_bytes)).toreadonly()
