"""What is worth knowing of an instance so that frames, metadata and bulk data never need its file parsed again."""

from dataclasses import dataclass
from itertools import repeat
from typing import NamedTuple

from radgate_server.core.errors import InstanceMalformedError

BULK_DATA_ROOT = "radgate-bulk-root:/"
"""Stands in the stored metadata for the instance's URL, which is known only when a client asks."""


class Span(NamedTuple):
    """A run of bytes: `offset` from the start of the DICOM file, `length` in bytes."""

    offset: int
    length: int


type Frames = tuple[tuple[Span, ...], ...]


def native_frames(offset: int, frame_bytes: int, number_of_frames: int) -> Frames:
    """Frames of one size that lie side by side."""
    starts = range(offset, offset + frame_bytes * number_of_frames, frame_bytes)
    return tuple(zip(map(Span, starts, repeat(frame_bytes)), strict=True))


@dataclass(frozen=True, slots=True)
class FrameTable:
    """Where the frames of Pixel Data lie (PS3.5 8.2, A.4).

    `frames[n]` holds the spans whose bytes make up frame n + 1: one span for native pixels, one for each fragment
    (item tags left out) of encapsulated ones. Empty when frames can't be addressed byte by byte (deflated data set,
    native frames that do not start on a byte): then they come out of the decoder.
    """

    number_of_frames: int
    encapsulated: bool
    frames: Frames


@dataclass(frozen=True, slots=True)
class BulkItem:
    """Where one element's value lies. `vr` as in the data set; several spans for fragments of encapsulated data."""

    vr: str
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class InstanceIndex:
    """Made once when an instance is first needed, kept beside it.

    `metadata` is one object of the DICOM JSON model in UTF-8, with `BulkDataURI`s: BULK_DATA_ROOT, then
    the key of `bulk` ("7FE00010", "54000100/0/54001010": tags and item numbers from 0).
    `deflated` means that spans count in the inflated data set, which the file's bytes are not.
    `frames_damage` says why the frames can't be read though there is Pixel Data, "" for nothing.
    """

    transfer_syntax_uid: str
    metadata: bytes
    frame_table: FrameTable | None
    bulk: dict[str, BulkItem]
    deflated: bool = False
    frames_damage: str = ""

    @property
    def native_pixel_bytes(self) -> int:
        """The size of native Pixel Data; 0 when there are none, or not sound ones."""
        table, item = self.frame_table, self.bulk.get("7FE00010")
        return 0 if table is None or table.encapsulated or item is None else item.spans[0][1]

    def sound_frames(self) -> FrameTable | None:
        """Where the frames lie; None when there is no Pixel Data.

        Raises:
            InstanceMalformedError: there is, and it is not what the header says (docs/adr/0035-damaged-instances.md).
        """
        if self.frames_damage:
            raise InstanceMalformedError(self.frames_damage)
        return self.frame_table
