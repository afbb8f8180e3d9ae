"""The calls that the server works on: a server that stops takes no more of them, and ends those that last too long."""

import asyncio
from collections.abc import Awaitable
from typing import cast

from radgate_server.core.errors import ServerStoppingError
from radgate_server.rpc.call import Call
from radgate_server.rpc.layer import Method, Proceed

END_S = 1.0
"""What calls that are ended may take to send their status, or what breaks their body off."""


class CallsInFlight:
    """Counts calls as a layer of their methods (`count`). Each call is served by a task of its own."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._idle = asyncio.Event()
        self._stopping = False
        self._ended = False

    def __len__(self) -> int:
        return len(self._tasks)

    def count(self, method: Method, proceed: Proceed) -> Proceed:
        """Let calls pass until the server stops; public methods always, health among them."""
        if method.access.is_public:
            return proceed

        def layer(call: Call) -> Awaitable[None]:
            if self._stopping:
                raise ServerStoppingError("the server stops; send the call again, it will reach another")
            return self._proceed(call, proceed)

        return layer

    def refuse_new(self) -> None:
        """Take no call from now on."""
        self._stopping = True

    async def end(self, after_s: float) -> None:
        """Give the calls in flight `after_s` seconds, then cancel them; each ends with SERVER_STOPPING.

        A call whose client reads nothing may be left after that: only closing its connection ends it.
        """
        self.refuse_new()
        if await self._none_within(after_s):
            return
        self._ended = True
        for task in self._tasks:
            task.cancel()
        await self._none_within(END_S)

    async def _proceed(self, call: Call, proceed: Proceed) -> None:
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._tasks.add(task)
        try:
            await proceed(call)
        except asyncio.CancelledError:
            if self._ended and not call.client_gone:
                task.uncancel()
                raise ServerStoppingError("the server stopped before the answer was whole") from None
            raise
        finally:
            self._tasks.discard(task)
            if self._stopping and not self._tasks:
                self._idle.set()

    async def _none_within(self, seconds: float) -> bool:
        if self._tasks:
            try:
                async with asyncio.timeout(seconds):
                    await self._idle.wait()
            except TimeoutError:
                return False
        return True
