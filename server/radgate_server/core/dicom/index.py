"""Making an instance's index from its DICOM file."""

from collections.abc import Iterable
from dataclasses import replace

from radgate_server.core.dicom.file_meta import encoding_of, read_file_meta
from radgate_server.core.dicom.frames import frame_table
from radgate_server.core.dicom.image_pixel import image_pixel
from radgate_server.core.dicom.inflate import MAX_INFLATED_BYTES, inflate
from radgate_server.core.dicom.json_model import JsonModel, dump
from radgate_server.core.dicom.walker import Walker
from radgate_server.core.instance_index import InstanceIndex, Span
from radgate_server.core.transfer_syntaxes import DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, TRANSFER_SYNTAXES


def build_index(data: memoryview, limit_bytes: int = MAX_INFLATED_BYTES) -> InstanceIndex:
    """Read the headers of a DICOM file once; pixels are not touched (but for heads and tails of fragments).

    Spans of a deflated instance count in `inflated_data_set(data)`.

    Raises:
        InstanceMalformedError: the file does not hold together, or goes beyond the limits of this package.
    """
    meta = read_file_meta(data)
    deflated = meta.transfer_syntax_uid == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN
    start = 0 if deflated else meta.data_set_offset
    if deflated:
        data = inflated_data_set(data, limit_bytes)
    data_set = Walker(data).data_set(start, encoding_of(meta.transfer_syntax_uid))
    model = JsonModel(data)
    attributes = model.of(data_set)
    frames = frame_table(data, data_set, image_pixel(attributes), TRANSFER_SYNTAXES.get(meta.transfer_syntax_uid))
    if deflated and frames is not None:
        frames = replace(frames, frames=())
    return InstanceIndex(meta.transfer_syntax_uid, dump(attributes), frames, model.bulk or {}, deflated)


def inflated_data_set(data: memoryview, limit_bytes: int = MAX_INFLATED_BYTES) -> memoryview:
    """Return the data set of a file in Deflated Explicit VR Little Endian, in which its index's spans count.

    Raises:
        InstanceMalformedError: it is damaged, truncated, or inflates beyond `limit_bytes` or out of proportion.
    """
    return memoryview(inflate(data[read_file_meta(data).data_set_offset :], limit_bytes)).toreadonly()


def read_spans(data: memoryview, spans: Iterable[Span]) -> bytes:
    """Join the bytes of the spans."""
    return b"".join(data[offset : offset + length] for offset, length in spans)
