"""The calls that the server works on: at most so many at a time. A server that stops takes no more and ends the rest.

All calls in flight take turns on one event loop: they are the queue, and its length is what each of them waits for. So
the length is bounded, and who comes when it is full learns at once when to come again.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import cast

from radgate_server.core.errors import ServerOverloadedError, ServerStoppingError
from radgate_server.rpc.pipeline.call import Call
from radgate_server.rpc.pipeline.interceptor import Method, Proceed

END_S = 1.0
"""What calls that are ended may take to send their status, or what breaks their body off."""

_LONGEST_RETRY_S = 30.0
_MEASURED_S = 1.0


class CallsInFlight:
    """Counts calls as an interceptor of their methods (`count`), and those of a tenant (`count_of_tenant`).

    Each call is served by a task of its own. Of `max_calls` a tenant has three quarters at most. `monotonic_s` is the
    time in seconds.
    """

    def __init__(self, max_calls: int, monotonic_s: Callable[[], float]) -> None:
        self._max_calls = max_calls
        self._max_of_tenant = max(1, max_calls * 3 // 4)
        self._pace = CallPace(monotonic_s)
        self._tasks: set[asyncio.Task[None]] = set()
        self._of_tenant: Counter[str] = Counter()
        self._idle = asyncio.Event()
        self._stopping = False
        self._ended = False

    def __len__(self) -> int:
        return len(self._tasks)

    def count(self, method: Method, proceed: Proceed) -> Proceed:
        """Let calls pass while there is room, until the server stops; public methods always, health among them."""
        if method.access.is_public:
            return proceed

        def interceptor(call: Call) -> Awaitable[None]:
            if self._stopping:
                raise ServerStoppingError("the server stops; send the call again, it will reach another")
            if len(self._tasks) >= self._max_calls:
                raise self._overloaded("the server works on as many calls as it may; send it later")
            return self._proceed(call, proceed)

        return interceptor

    def count_of_tenant(self, method: Method, proceed: Proceed) -> Proceed:
        """Leave room to others when one tenant's calls take most of it; needs to know who calls."""
        if method.access.is_public:
            return proceed

        def interceptor(call: Call) -> Awaitable[None]:
            tenant_id = call.caller.tenant_id
            if self._of_tenant[tenant_id] >= self._max_of_tenant:
                raise self._overloaded("the server works on as many calls of this tenant as it may; send it later")
            self._of_tenant[tenant_id] += 1
            call.counted_for = tenant_id
            return proceed(call)

        return interceptor

    def take_new(self) -> None:
        """Take calls from now on, after an end as well."""
        self._stopping = self._ended = False
        self._idle.clear()

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
            if self._ended and not call.client_disconnected:
                task.uncancel()
                raise ServerStoppingError("the server stopped before the answer was whole") from None
            raise
        finally:
            self._tasks.discard(task)
            self._pace.call_ended()
            if (tenant_id := call.counted_for) is not None:
                self._of_tenant[tenant_id] -= 1
                if not self._of_tenant[tenant_id]:
                    del self._of_tenant[tenant_id]
            if self._stopping and not self._tasks:
                self._idle.set()

    def _overloaded(self, message: str) -> ServerOverloadedError:
        return ServerOverloadedError(message, retry_after_s=self._pace.seconds_for(len(self._tasks) / 2))

    async def _none_within(self, seconds: float) -> bool:
        if self._tasks:
            try:
                async with asyncio.timeout(seconds):
                    await self._idle.wait()
            except TimeoutError:
                return False
        return True


class CallPace:
    """How many calls end in a second, recently."""

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        self._monotonic_s = monotonic_s
        self._since_s = monotonic_s()
        self._ended = 0
        self._per_s = 0.0

    def call_ended(self) -> None:
        """One more has."""
        self._ended += 1
        passed_s = self._monotonic_s() - self._since_s
        if passed_s >= _MEASURED_S:
            self._per_s = self._ended / passed_s
            self._ended = 0
            self._since_s += passed_s

    def seconds_for(self, calls: float) -> float:
        """In how many seconds so many will have ended: 1 to 30."""
        passed_s = self._monotonic_s() - self._since_s
        per_s = self._ended / passed_s if passed_s >= _MEASURED_S else self._per_s
        return min(_LONGEST_RETRY_S, max(1.0, calls / per_s)) if per_s else _LONGEST_RETRY_S
