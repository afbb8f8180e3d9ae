"""Frames for whoever looks at them as they come: a low resolution first, the rest later, in the requested order."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

import google_crc32c

from radgate.assembly import missing_of, warn_of_unanswered
from radgate.errors import CorruptDataError, IncompleteStudyError
from radgate.v1 import retrieve_service_pb2 as messages

type Stream = Callable[[Callable[..., Any], object, Any, float | None], Any]
"""Makes a streaming call of a client."""

type _Place = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class ViewedFrame:
    """A frame as far as it has come: `data` is the front of its codestream, or all of it.

    `reduction` reports what can be decoded: a 2^reduction-th of its rows and columns. `complete` when it is whole, its
    size and checksum verified; each frame is handed out once complete, and before that once at a low resolution.
    A `preview` is such a low resolution as a codestream of its own (reduction 0): a large frame's that is not stored in
    HTJ2K, where all of it has to be encoded before its front can come.
    """

    series_instance_uid: str
    sop_instance_uid: str
    frame_number: int
    transfer_syntax_uid: str
    reduction: int
    complete: bool
    data: bytes = field(repr=False)
    preview: bool = False


class ViewAssembler:
    """Puts frames together that come in pieces, many at a time. `at_end` is called when all has come."""

    def __init__(self, *, allow_partial: bool, at_end: Callable[[], None]) -> None:
        self._allow_partial = allow_partial
        self._at_end = at_end
        self._begun: dict[_Place, bytearray] = {}
        self._failed: list[messages.FailedInstance] = []
        self._opened = 0
        self._end: messages.StreamFramesEnd | None = None

    def feed(self, response: messages.StreamFramesResponse) -> ViewedFrame | None:
        """Take the next piece; return the frame of which more can be shown now. Raises CorruptDataError."""
        match response.WhichOneof("message"):
            case "opened":
                self._opened = response.opened.instances
            case "failed":
                self._give_up(response.failed)
            case "end":
                self._end = response.end
                self._at_end()
            case "preview":
                return _checked(response.preview)
            case "piece":
                return self._take(response.piece)
        return None

    def finish(self) -> None:
        """Insist that everything came.

        Raises:
            CorruptDataError: the stream ended too early.
            IncompleteStudyError: instances are missing, and that is not allowed.
        """
        if self._end is None or self._begun:
            raise CorruptDataError("the stream ended within a frame")
        if self._allow_partial:
            return
        unanswered = tuple(self._end.unanswered_pacs)
        if self._failed:
            missing = tuple(map(missing_of, self._failed))
            raise IncompleteStudyError(self._opened, self._end.delivered, missing, unanswered)
        warn_of_unanswered(unanswered)

    def _give_up(self, failed: messages.FailedInstance) -> None:
        """The rest of what has begun to come of the instance does not come."""
        self._failed.append(failed)
        ref = failed.ref
        of_it = (ref.series_instance_uid, ref.sop_instance_uid)
        self._begun = {place: data for place, data in self._begun.items() if place[:2] != of_it}

    def _take(self, piece: messages.FramePiece) -> ViewedFrame | None:
        ref = piece.ref
        place = (ref.series_instance_uid, ref.sop_instance_uid, piece.frame_number)
        data = self._begun.setdefault(place, bytearray())
        if piece.offset != len(data):
            raise CorruptDataError("a piece of a frame does not follow the one before")
        data += piece.data
        if piece.reduction < 0:
            return None
        complete = len(data) == piece.size_bytes
        if complete:
            del self._begun[place]
            if google_crc32c.value(bytes(data)) != piece.crc32c:
                raise CorruptDataError("the checksum of what came is not that of what was sent")
        elif not piece.reduction:
            raise CorruptDataError(f"{len(data)} bytes came instead of {piece.size_bytes}")
        return ViewedFrame(*place, piece.transfer_syntax_uid, piece.reduction, complete, bytes(data))


def _checked(preview: messages.FramePreview) -> ViewedFrame:
    if google_crc32c.value(preview.data) != preview.crc32c:
        raise CorruptDataError("the checksum of what came is not that of what was sent")
    ref = preview.ref
    place = (ref.series_instance_uid, ref.sop_instance_uid, preview.frame_number)
    return ViewedFrame(*place, preview.transfer_syntax_uid, 0, False, preview.data, preview=True)


class View(Iterator[ViewedFrame]):
    """Frames as they come. `prioritize` says what is to come next, from any thread; `close` lets the server stop."""

    def __init__(
        self,
        stream: Stream,
        method: Callable[..., Any],
        opening: messages.StreamFramesRequest,
        *,
        allow_partial: bool,
        timeout_s: float | None,
    ) -> None:
        self._priority_requests: SimpleQueue[messages.StreamFramesRequest | None] = SimpleQueue()
        self._priority_requests.put(opening)
        assembler = ViewAssembler(allow_partial=allow_partial, at_end=self._say_no_more)
        self._frames: Generator[ViewedFrame] = stream(
            method, iter(self._priority_requests.get, None), assembler, timeout_s
        )

    def __next__(self) -> ViewedFrame:
        try:
            return next(self._frames)
        except BaseException:
            self._say_no_more()
            raise

    def prioritize(self, series_instance_uid: str, sop_instance_uid: str = "", *, whole: bool = False) -> None:
        """Let this series come first, from the instance (its middle, when none is named) outwards.

        With `whole`, its frames come whole at once, before the low resolutions of others.
        """
        self._priority_requests.put(priority_request(series_instance_uid, sop_instance_uid, whole))

    def close(self) -> None:
        """Leave the stream."""
        self._say_no_more()
        self._frames.close()

    def _say_no_more(self) -> None:
        """Let the server end the stream, and end the thread in which grpc waits for priorities."""
        self._priority_requests.put(None)


class AsyncView(AsyncIterator[ViewedFrame]):
    """The same for asyncio."""

    def __init__(
        self,
        stream: Stream,
        method: Callable[..., Any],
        opening: messages.StreamFramesRequest,
        *,
        allow_partial: bool,
        timeout_s: float | None,
    ) -> None:
        self._priority_requests: asyncio.Queue[messages.StreamFramesRequest | None] = asyncio.Queue()
        self._priority_requests.put_nowait(opening)
        assembler = ViewAssembler(allow_partial=allow_partial, at_end=self._say_no_more)
        self._frames: AsyncGenerator[ViewedFrame] = stream(method, self._requests(), assembler, timeout_s)

    async def __anext__(self) -> ViewedFrame:
        return await anext(self._frames)

    def prioritize(self, series_instance_uid: str, sop_instance_uid: str = "", *, whole: bool = False) -> None:
        """Let this series come first; see View.prioritize."""
        self._priority_requests.put_nowait(priority_request(series_instance_uid, sop_instance_uid, whole))

    async def aclose(self) -> None:
        """Leave the stream."""
        await self._frames.aclose()

    async def _requests(self) -> AsyncGenerator[messages.StreamFramesRequest]:
        while (request := await self._priority_requests.get()) is not None:
            yield request

    def _say_no_more(self) -> None:
        """Let the server end the stream."""
        self._priority_requests.put_nowait(None)


def opening(
    study_instance_uid: str, series_instance_uid: str, sop_instance_uid: str, first_size: tuple[int, int]
) -> messages.StreamFramesRequest:
    """What opens a stream."""
    rows, columns = first_size
    return messages.StreamFramesRequest(
        open=messages.StreamFramesOpen(
            study_instance_uid=study_instance_uid,
            series_instance_uid=series_instance_uid,
            sop_instance_uid=sop_instance_uid,
            first_rows=rows,
            first_columns=columns,
            previews=True,
        )
    )


def priority_request(series_instance_uid: str, sop_instance_uid: str, whole: bool) -> messages.StreamFramesRequest:
    """What is to come next."""
    priority = messages.StreamFramesPriority(
        series_instance_uid=series_instance_uid, sop_instance_uid=sop_instance_uid, whole=whole
    )
    return messages.StreamFramesRequest(prioritize=priority)
