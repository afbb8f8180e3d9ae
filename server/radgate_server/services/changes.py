"""Follows what any process changes in the configuration, and drops what this one remembers of it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence

from radgate_server.core.errors import GatewayError
from radgate_server.core.ports.directory import Change, ChangeFeed, ChangeKind

_log = logging.getLogger(__name__)

type ChangeHandler = Callable[[Change], Awaitable[None]]


class ChangeFollower:
    """Reads the feed every `interval_s` seconds, and at once when this process has changed something itself."""

    def __init__(
        self, feed: ChangeFeed, handlers: Mapping[ChangeKind, Sequence[ChangeHandler]], *, interval_s: float = 1.0
    ) -> None:
        self._feed = feed
        self._handlers = handlers
        self._interval_s = interval_s
        self._seen = 0
        self._lock = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Follow from now on; what was changed before is in what was read since."""
        self._seen = await self._feed.last_change()
        self._task = asyncio.create_task(self._follow(), name="change-follower")

    async def catch_up(self) -> None:
        """Apply all changes up to now."""
        async with self._lock:
            for change in await self._feed.changes_after(self._seen):
                for handler in self._handlers.get(change.kind, ()):
                    await handler(change)
                self._seen = change.sequence

    async def close(self) -> None:
        """Follow no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(self._interval_s)
            try:
                await self.catch_up()
            except GatewayError as error:
                # The database is away; nothing is lost, since the feed is read from where it was left.
                _log.warning("can't read configuration changes: %s", error.message)
