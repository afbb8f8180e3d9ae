"""Encoded frames in transit into an instance: in memory while they are few, else in an unnamed file."""

from collections.abc import Sequence
from typing import Self
from weakref import finalize

from radgate_server.core.dicom.instances import InstanceContent, JoinedContent, MemoryContent
from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel
from radgate_server.core.errors import InstanceMalformedError
from radgate_server.core.imaging.frames import EncodedFrame
from radgate_server.core.store.ports import Spool

_GATHERED_BYTES = 512 << 10
"""Of frames and the item headers between them: each part by itself costs whoever sends it a message."""


class FrameSpool:
    """The frames of one instance. A context manager: what was not taken with `within` is released."""

    def __init__(self, spool: Spool) -> None:
        self._entry = spool.begin()
        self._image: ImagePixel | None = None
        self._notes: dict[str, None] = {}
        self._taken = False
        self.frame_bytes: list[int] = []
        self.lossy = False

    async def __aenter__(self) -> Self:
        """The spool is there already."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Let go of what nobody took."""
        if not self._taken:
            self._entry.discard()

    @property
    def image(self) -> ImagePixel:
        """What all frames are now."""
        if self._image is None:
            raise InstanceMalformedError("the instance has no frames")
        return self._image

    @property
    def notes(self) -> tuple[str, ...]:
        """Those of all frames, each once."""
        return tuple(self._notes)

    async def add(self, frame: EncodedFrame, parts: Sequence[bytes]) -> None:
        """Take the next frame; `parts` are the bytes that stand for it in Pixel Data.

        Raises:
            InstanceMalformedError: it is to be read in another way than the frames before.
            SpoolFullError: there is no room for it.
        """
        if self._image not in (None, frame.image):
            raise InstanceMalformedError("the frames are in different colour spaces, or of different sizes")
        self._image = frame.image
        self._notes |= dict.fromkeys(frame.notes)
        self.lossy = self.lossy or frame.lossy
        self.frame_bytes.append(len(frame.data))
        for part in parts:
            if part:
                await self._entry.write(part)

    async def within(self, before: bytes, after: bytes) -> InstanceContent:
        """All frames between two other pieces. What lies in a file goes when the content does."""
        await self._entry.complete()
        frames = self._entry.content
        self._taken = True
        if isinstance(frames, MemoryContent):
            self._entry.discard()  # the parts live on in the content, which its reader accounts for
            return MemoryContent((before, *frames.parts, after)).gathered(_GATHERED_BYTES)
        content = JoinedContent((MemoryContent((before,)), frames, MemoryContent((after,))))
        finalize(content, self._entry.discard)
        return content
