"""How an index is kept beside its instance: a few bytes of head, JSON, the metadata, then all spans as numbers.

    magic and version   4 bytes
    CRC-32 of the rest  4 bytes
    length of JSON      4 bytes
    length of metadata  8 bytes
    JSON                transfer syntax, frames, bulk items with the number of their spans
    metadata
    counts              spans for each frame, 4 bytes each, when frames have several
    spans               offset and length, 8 bytes each: of the frames, then of the bulk items

All little endian. Frames that lie side by side are kept as three numbers.
"""

import json
import struct
import zlib
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

from radgate_server.core.dicom.instance_index import BulkItem, Frames, FrameTable, InstanceIndex, Span, native_frames
from radgate_server.core.errors import CorruptEntryError

_MAGIC = b"RGX2"  # 1 cut native frames called YBR_FULL_422 by that name alone
_HEAD = struct.Struct("<4sLLQ")
_CRC_START = 8
_SPANS_OF_FRAMES = -1
"""Stands for the number of spans of a bulk item that are those of the frames: Pixel Data itself."""


def serialise(index: InstanceIndex) -> bytes:
    """Write the index so that `deserialise` gives an equal one."""
    frames, counts, frame_spans = _frames_out(index.frame_table)
    bulk = {path: _bulk_out(item, frame_spans) for path, item in index.bulk.items()}
    bulk_spans = chain.from_iterable(
        item.spans for path, item in index.bulk.items() if bulk[path][1] != _SPANS_OF_FRAMES
    )
    head = {
        "transfer_syntax_uid": index.transfer_syntax_uid,
        "deflated": index.deflated,
        "frames": frames,
        "frames_damage": index.frames_damage,
        "bulk": bulk,
    }
    text = json.dumps(head, separators=(",", ":")).encode()
    numbers = list(chain.from_iterable(chain(frame_spans, bulk_spans)))
    parts = (
        text,
        index.metadata,
        struct.pack(f"<{len(counts)}L", *counts),
        struct.pack(f"<{len(numbers)}Q", *numbers),
    )
    blob = _HEAD.pack(_MAGIC, 0, len(text), len(index.metadata)) + b"".join(parts)
    crc32 = zlib.crc32(memoryview(blob)[_CRC_START:])
    return b"".join((_MAGIC, crc32.to_bytes(4, "little"), memoryview(blob)[_CRC_START:]))


def deserialise(blob: bytes) -> InstanceIndex:
    """Read what `serialise` wrote.

    Raises:
        CorruptEntryError: it is damaged, or of another version: make the index again.
    """
    try:
        magic, crc32, text_bytes, metadata_bytes = _HEAD.unpack_from(blob)
        if magic != _MAGIC or zlib.crc32(memoryview(blob)[_CRC_START:]) != crc32:
            raise CorruptEntryError("the index is damaged or of another version")
        return _index_in(blob, text_bytes, metadata_bytes)
    except (struct.error, KeyError, TypeError, ValueError):
        raise CorruptEntryError("the index is damaged") from None


def _index_in(blob: bytes, text_bytes: int, metadata_bytes: int) -> InstanceIndex:
    metadata_start = _HEAD.size + text_bytes
    counts_start = metadata_start + metadata_bytes
    head = json.loads(blob[_HEAD.size : metadata_start])
    frames = head["frames"]
    counts_bytes = 4 * frames["addressed"] if frames and frames["grouped"] else 0
    spans_start = counts_start + counts_bytes
    numbers = struct.unpack(f"<{(len(blob) - spans_start) // 8}Q", blob[spans_start:])
    spans = map(Span, numbers[::2], numbers[1::2])
    counts = struct.unpack(f"<{counts_bytes // 4}L", blob[counts_start:spans_start])
    table = _frames_in(frames, counts, spans)
    frame_spans = tuple(chain.from_iterable(table.frames)) if table else ()
    bulk = {
        path: BulkItem(vr, frame_spans if count == _SPANS_OF_FRAMES else tuple(islice(spans, count)))
        for path, (vr, count) in head["bulk"].items()
    }
    metadata = blob[metadata_start:counts_start]
    return InstanceIndex(
        head["transfer_syntax_uid"], metadata, table, bulk, head["deflated"], head.get("frames_damage", "")
    )


def _bulk_out(item: BulkItem, frame_spans: tuple[Span, ...]) -> tuple[str, int]:
    return item.vr, _SPANS_OF_FRAMES if frame_spans and item.spans == frame_spans else len(item.spans)


def _frames_out(table: FrameTable | None) -> tuple[dict[str, Any] | None, tuple[int, ...], tuple[Span, ...]]:
    """What of the frames goes into the JSON, into the counts and into the spans."""
    if table is None:
        return None, (), ()
    head: dict[str, Any] = {
        "number_of_frames": table.number_of_frames,
        "encapsulated": table.encapsulated,
        "addressed": len(table.frames),
        "grouped": False,
        "native": None,
    }
    if not table.encapsulated and table.frames:
        return head | {"native": table.frames[0][0]}, (), ()
    spans = tuple(chain.from_iterable(table.frames))
    if any(len(frame) != 1 for frame in table.frames):
        return head | {"grouped": True}, tuple(map(len, table.frames)), spans
    return head, (), spans


def _frames_in(head: dict[str, Any] | None, counts: tuple[int, ...], spans: Iterator[Span]) -> FrameTable | None:
    if head is None:
        return None
    frames: Frames
    if head["native"]:
        offset, frame_bytes = head["native"]
        frames = native_frames(offset, frame_bytes, head["addressed"])
    elif head["grouped"]:
        frames = tuple(tuple(islice(spans, count)) for count in counts)
    else:
        frames = tuple(zip(islice(spans, head["addressed"]), strict=True))
    return FrameTable(head["number_of_frames"], head["encapsulated"], frames)
