"""DICOM files as the server hands them to the rendering: index, metadata, frames."""

import json
from functools import cached_property
from io import BytesIO
from typing import Any

import imagecodecs
import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from radgate_server.adapters.imaging.rendering import render
from radgate_server.core.dicom.data_sets import DicomJson
from radgate_server.core.dicom.dataset.byte_order import little_endian_value
from radgate_server.core.dicom.dataset.file_meta import encoding_of
from radgate_server.core.dicom.indexing import build_index, read_spans
from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel, image_pixel
from radgate_server.core.dicom.pixel_data.native import read_native_frames
from radgate_server.core.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN
from radgate_server.core.imaging.frames import RenderedImage, StoredFrame
from radgate_server.core.imaging.presentation.model import Presentation
from radgate_server.core.imaging.presentation.reader import bulk_paths, presentation_of
from radgate_server.core.imaging.render_target import RENDERED_PNG, RenderTarget

PNG = RenderTarget(media_type=RENDERED_PNG)


class StoredInstance:
    """One DICOM file in memory."""

    def __init__(self, file: bytes) -> None:
        self._file = memoryview(file)
        self._index = build_index(self._file)
        self.model: DicomJson = json.loads(self._index.metadata)
        self.image: ImagePixel = image_pixel(self.model)
        self.transfer_syntax_uid = self._index.transfer_syntax_uid

    @cached_property
    def dataset(self) -> Dataset:
        return pydicom.dcmread(BytesIO(self._file), force=True)

    @property
    def number_of_frames(self) -> int:
        table = self._index.frame_table
        return table.number_of_frames if table else 0

    def frame(self, frame_number: int) -> StoredFrame:
        table = self._index.frame_table
        if table is not None and table.encapsulated:
            data = read_spans(self._file, table.frames[frame_number - 1])
            return StoredFrame(data, self.transfer_syntax_uid, self.image)
        data = read_native_frames(self._file, self._index, self.image, [frame_number])[0]
        return StoredFrame(data, EXPLICIT_VR_LITTLE_ENDIAN, self.image)

    def presentation(self, frame_number: int = 1) -> Presentation:
        little_endian = encoding_of(self.transfer_syntax_uid).little_endian
        bulk = {
            path: bytes(little_endian_value(read_spans(self._file, item.spans), item.vr, little_endian=little_endian))
            for path in bulk_paths(self.model, frame_number)
            for item in (self._index.bulk[path],)
        }
        return presentation_of(self.model, frame_number, bulk)

    def rendered(self, target: RenderTarget = PNG, *frame_numbers: int) -> RenderedImage:
        numbers = frame_numbers or (1,)
        frames = [self.frame(number) for number in numbers]
        return render(frames, [self.presentation(number) for number in numbers], target)

    def picture(self, target: RenderTarget = PNG, *frame_numbers: int) -> NDArray[np.uint8]:
        """The rendered PNG, read again."""
        return decoded_png(self.rendered(target, *frame_numbers))


def decoded_png(image: RenderedImage) -> NDArray[np.uint8]:
    assert image.media_type == RENDERED_PNG
    pixels: NDArray[np.uint8] = imagecodecs.png_decode(image.data)
    assert pixels.shape[:2] == (image.rows, image.columns)
    return pixels


def instance_of(pixels: NDArray[Any], *, frames: int = 1, **attributes: Any) -> StoredInstance:
    """An instance in Explicit VR Little Endian: (frames *) rows, columns (, samples) of pixels and more attributes."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", "1.2.3"
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.Rows, dataset.Columns = pixels.shape[0] // frames, pixels.shape[1]
    dataset.SamplesPerPixel = 1 if pixels.ndim == 2 else pixels.shape[2]
    dataset.PhotometricInterpretation = "MONOCHROME2" if pixels.ndim == 2 else "RGB"
    dataset.BitsAllocated = dataset.BitsStored = 8 * pixels.itemsize
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    if frames > 1:
        dataset.NumberOfFrames = frames
    if pixels.ndim == 3:
        dataset.PlanarConfiguration = 0
    if pixels.dtype.kind == "f":
        setattr(dataset, "FloatPixelData" if pixels.itemsize == 4 else "DoubleFloatPixelData", pixels.tobytes())
    else:
        dataset.add_new("PixelData", "OB" if pixels.itemsize == 1 else "OW", pixels.tobytes())
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    dataset.HighBit = attributes.get("HighBit", dataset.BitsStored - 1)
    file = BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return StoredInstance(file.getvalue())


def item_of(**attributes: Any) -> Dataset:
    """An item of a sequence."""
    item = Dataset()
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    return item
