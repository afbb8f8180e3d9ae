"""The view of viewing.py for where a client can't send while it receives: one stream, and a call for each priority."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterator
from threading import Lock
from typing import Any

from radgate.errors import NotFoundError
from radgate.v1 import retrieve_service_pb2 as messages
from radgate.viewing import ViewAssembler, ViewedFrame, priority_request


class ViewFramesAssembler:
    """Puts together what ViewFrames sends: first the id of the view, then its frames."""

    def __init__(self, *, allow_partial: bool) -> None:
        self._frames = ViewAssembler(allow_partial=allow_partial, at_end=lambda: None)

    def feed(self, response: messages.ViewFramesResponse) -> str | ViewedFrame | None:
        """Take the next message; return the id of the view, or the frame of which more can be shown now."""
        frame = self._frames.feed(response.message)
        return response.view_id or frame

    def finish(self) -> None:
        """Insist that everything came; see ViewAssembler.finish."""
        self._frames.finish()


class ServerStreamView(Iterator[ViewedFrame]):
    """Frames as they come. `prioritize` says by a call of its own what is to come next; `close` lets the server stop.

    One thread reads the frames; `prioritize` is for any thread.
    """

    def __init__(self, stream: Generator[str | ViewedFrame], call: Callable[[Any], object]) -> None:
        self._stream = stream
        self._call = call
        self._lock = Lock()
        self._view_id = ""
        self._early: list[messages.StreamFramesPriority] = []
        self._ended = False

    def __next__(self) -> ViewedFrame:
        try:
            while isinstance(made := next(self._stream), str):
                self._open(made)
        except BaseException:
            self.close()
            raise
        return made

    def prioritize(self, series_instance_uid: str, sop_instance_uid: str = "", *, whole: bool = False) -> bool:
        """Let this series come first, from the instance (its middle, when none is named) outwards.

        With `whole`, its frames come whole at once, before the low resolutions of others. Before the first frame the
        priority is stored until the view is open. Returns False when the server has no such view open: all
        was sent already, or it is another server than the view's. Raises InvalidRequestError when the view has no such
        series or instance; the view continues.
        """
        priority = priority_request(series_instance_uid, sop_instance_uid, whole).prioritize
        with self._lock:
            if not (self._view_id or self._ended):
                self._early.append(priority)
                return True
        return self._send(priority)

    def close(self) -> None:
        """Leave the stream."""
        self._ended = True
        self._stream.close()

    def _open(self, view_id: str) -> None:
        with self._lock:
            self._view_id = view_id
            for priority in self._early:
                self._send(priority)

    def _send(self, priority: messages.StreamFramesPriority) -> bool:
        if self._ended:
            return False
        try:
            self._call(messages.PrioritizeFramesRequest(view_id=self._view_id, prioritize=priority))
        except NotFoundError:
            return False
        return True


class AsyncServerStreamView(AsyncIterator[ViewedFrame]):
    """The same for asyncio: `prioritize` is awaited."""

    def __init__(self, stream: AsyncGenerator[str | ViewedFrame], call: Callable[[Any], Awaitable[object]]) -> None:
        self._stream = stream
        self._call = call
        self._view_id = ""
        self._early: list[messages.StreamFramesPriority] = []
        self._ended = False

    async def __anext__(self) -> ViewedFrame:
        try:
            while isinstance(made := await anext(self._stream), str):
                await self._open(made)
        except BaseException:
            await self.aclose()
            raise
        return made

    async def prioritize(self, series_instance_uid: str, sop_instance_uid: str = "", *, whole: bool = False) -> bool:
        """Let this series come first; see ServerStreamView.prioritize."""
        priority = priority_request(series_instance_uid, sop_instance_uid, whole).prioritize
        if not (self._view_id or self._ended):
            self._early.append(priority)
            return True
        return await self._send(priority)

    async def aclose(self) -> None:
        """Leave the stream."""
        self._ended = True
        await self._stream.aclose()

    async def _open(self, view_id: str) -> None:
        self._view_id = view_id
        for priority in self._early:
            await self._send(priority)

    async def _send(self, priority: messages.StreamFramesPriority) -> bool:
        if self._ended:
            return False
        try:
            await self._call(messages.PrioritizeFramesRequest(view_id=self._view_id, prioritize=priority))
        except NotFoundError:
            return False
        return True


def view_request(opening: messages.StreamFramesRequest) -> messages.ViewFramesRequest:
    """What opens a view, of what would open a stream of both directions."""
    return messages.ViewFramesRequest(open=opening.open)
