"""What is done to pixels, outside of the server's own process: a malformed image costs one job, never the server."""

from collections.abc import Sequence
from enum import IntEnum
from typing import Protocol

from radgate_server.core.imaging.frames import DecodedFrame, EncodedFrame, EncodeTarget, RenderedImage, StoredFrame
from radgate_server.core.imaging.presentation.model import Presentation
from radgate_server.core.imaging.render_target import RenderTarget


class Priority(IntEnum):
    """Who goes first when all workers are busy."""

    INTERACTIVE = 0
    THUMBNAIL = 1
    WARMING = 2


class FrameWorkers(Protocol):
    """Decodes, encodes and renders. Leaving a call (cancelling it) takes its job out of the queue.

    Every method raises:
        NotAcceptableError: no codec takes the transfer syntax, or this variety of it; `stored` reports which.
        InstanceMalformedError: the frame is damaged, or is not what the data set says.
        ImageTooLargeError: the frame, or what it would become, is larger than the operator allows.
        CodecFailedError: the codec crashed, or took too long or too much memory.
        ImageWorkersBusyError: too many jobs wait already.
    """

    async def decode(self, frames: Sequence[StoredFrame], *, priority: Priority) -> list[DecodedFrame]:
        """Decode the frames, in their order."""
        ...

    async def decode_reduced(self, frame: StoredFrame, *, rows: int, columns: int, priority: Priority) -> DecodedFrame:
        """Decode no more than is needed for a picture of at least `rows` by `columns` (the whole when it is smaller).

        Wavelet syntaxes are decoded at a lower resolution; pixels of others are left out.
        """
        ...

    async def transcode(
        self, frames: Sequence[StoredFrame], target: EncodeTarget, *, priority: Priority
    ) -> list[EncodedFrame]:
        """Encode the frames again, in their order."""
        ...

    async def render(
        self,
        frames: Sequence[StoredFrame],
        presentations: Sequence[Presentation],
        target: RenderTarget,
        *,
        priority: Priority,
    ) -> RenderedImage:
        """Render one frame, or several into an animation; each has its presentation.

        Raises:
            InvalidArgumentError: the viewport or the window can't be applied to this image.
        """
        ...
