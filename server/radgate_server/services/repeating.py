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

    `trouble` is what the log says when looks begin to fail. `sleep` is asyncio.sleep, or what a test puts in its place.
    """

    def __init__(self, name: str, *, interval_s: float, trouble: str, sleep: Sleep = asyncio.sleep) -> None:
        self._name = name
        self._interval_s = interval_s
        self._trouble = trouble
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
        log = logging.getLogger(type(self).__module__)
        condition = ConditionLog(log, self._trouble)
        while True:
            try:
                await self.look()
                condition.succeeded()
            except GatewayError as error:
                condition.failed(error.message)
            except Exception:
                log.exception("%s because of a defect", self._trouble)
            await self._sleep(self._interval_s)
