"""Making an instance's index from its DICOM file."""

from collections.abc import Iterable
from dataclasses import replace

from radgate_server.core.dicom.dataset.inflate import MAX_INFLATED_BYTES
from radgate_server.core.dicom.dataset.json_model import JsonModel, dump
from radgate_server.core.dicom.dataset.opened_file import open_file
from radgate_server.core.dicom.instance_index import InstanceIndex, Span
from radgate_server.core.dicom.pixel_data.frame_locations import frame_table
from radgate_server.core.dicom.pixel_data.image_pixel import image_pixel
from radgate_server.core.dicom.transfer_syntaxes import DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, TRANSFER_SYNTAXES
from radgate_server.core.errors import InstanceMalformedError


def build_index(data: memoryview, limit_bytes: int = MAX_INFLATED_BYTES) -> InstanceIndex:
    """Read the headers of a DICOM file once; pixels are not touched (but for heads and tails of fragments).

    Pixel Data that is not what the header says makes it lack frames alone.
    Spans of a deflated instance count in `inflated_data_set(data)`.

    Raises:
        InstanceMalformedError: the file does not hold together, or goes beyond the limits of this package.
    """
    syntax, data, data_set = open_file(data, limit_bytes)
    deflated = syntax == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN
    model = JsonModel(data)
    attributes = model.of(data_set)
    frames, damage = None, ""
    try:
        frames = frame_table(data, data_set, image_pixel(attributes), TRANSFER_SYNTAXES.get(syntax))
    except InstanceMalformedError as error:  # the header is good, and so is the place of everything else
        damage = error.message
    if deflated and frames is not None:
        frames = replace(frames, frames=())
    return InstanceIndex(syntax, dump(attributes), frames, model.bulk or {}, deflated, damage)


def read_spans(data: memoryview, spans: Iterable[Span]) -> bytes:
    """Join the bytes of the spans."""
    return b"".join(data[offset : offset + length] for offset, length in spans)
