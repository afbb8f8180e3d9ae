"""What is done again and again in the background, and continues whatever happens."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable

from radgate_server.core.errors import GatewayError
from radgate_server.lib.condition_log import ConditionLog

type Sleep = Callable[[float], Awaitable[None]]


class Repeating(ABC):
    """Looks from `start` on, and again `interval_s` seconds after each look, until it is closed.

    With `wait_first` the first look waits for an interval too. After each look that fails the next one waits twice as
    long as before it, `longest_wait_s` seconds at most (without it, always `interval_s`).

    `trouble` is what the log says when looks begin to fail: once for each cause, until a look succeeds. `sleep` is
    asyncio.sleep, or what a test puts in its place.
    """

    def __init__(
        self,
        name: str,
        *,
        interval_s: float,
        trouble: str,
        wait_first: bool = False,
        longest_wait_s: float = 0.0,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._name = name
        self._interval_s = interval_s
        self._trouble = trouble
        self._wait_first = wait_first
        self._longest_wait_s = max(interval_s, longest_wait_s)
        self._sleep = sleep
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Look from now on."""
        self._task = asyncio.create_task(self._look_on(), name=self._name)

    async def close(self) -> None:
        """Look no more; a look that is in progress is cancelled."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @abstractmethod
    async def look(self) -> object:
        """Do what there is to do. Raises GatewayError when that can't be done now."""

    async def _look_on(self) -> None:
        condition = ConditionLog(logging.getLogger(type(self).__module__), self._trouble)
        wait_s = self._interval_s
        if self._wait_first:
            await self._sleep(wait_s)
        while True:
            succeeded = await self._try_to_look(condition)
            wait_s = self._interval_s if succeeded else min(2 * wait_s, self._longest_wait_s)
            await self._sleep(wait_s)

    async def _try_to_look(self, condition: ConditionLog) -> bool:
        try:
            await self.look()
        except GatewayError as error:
            condition.failed(error.message)
        except Exception as error:  # noqa: BLE001 - one defect must not end what is to be done for ever
            condition.failed_by_defect(error)
        else:
            condition.succeeded()
            return True
        return False


class Repeated(Repeating):
    """Repeats `work`, for an owner whose own start or end is more than the loop's."""

    def __init__(
        self,
        work: Callable[[], Awaitable[object]],
        name: str,
        *,
        interval_s: float,
        trouble: str,
        wait_first: bool = False,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        super().__init__(name, interval_s=interval_s, trouble=trouble, wait_first=wait_first, sleep=sleep)
        self._work = work

    async def look(self) -> None:
        """Do the work once."""
        await self._work()
