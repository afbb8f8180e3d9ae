"""Follows what any process changes in the configuration, and drops what this one remembers of it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence

from radgate_server.core.access.ports.directory import Change, ChangeFeed, ChangeKind
from radgate_server.core.cache.ports.feed_place import FeedPlaces
from radgate_server.core.errors import DatabaseUnavailableError
from radgate_server.services.repeating import Repeated

_log = logging.getLogger(__name__)

type ChangeHandler = Callable[[Change], Awaitable[None]]


async def _forget_nothing() -> None:
    """What is done about a feed that was set back by whoever remembers nothing."""


class ChangeFollower:
    """Reads the feed every `interval_s` seconds, and at once when this process has changed something itself.

    When the feed was set back (a database that was restored, a replica that lags), `start_over` is awaited.
    With `places` it begins where the process left it that stored what is on the disk: what was invalidated while none
    ran is dropped before anything of it is served. `outdated` is awaited when it was left too long ago for that.
    """

    def __init__(
        self,
        feed: ChangeFeed,
        handlers: Mapping[ChangeKind, Sequence[ChangeHandler]],
        start_over: Callable[[], Awaitable[None]] = _forget_nothing,
        *,
        places: FeedPlaces | None = None,
        outdated: Callable[[], Awaitable[None]] = _forget_nothing,
        interval_s: float = 0.5,
    ) -> None:
        self._feed = feed
        self._handlers = handlers
        self._start_over = start_over
        self._places = places
        self._outdated = outdated
        self._seen = 0
        self._mark = ""
        self._lock = asyncio.Lock()
        # Nothing is lost when a look fails, since the feed is read from where it was left.
        trouble = "configuration changes can't be read"
        self._loop = Repeated(self.catch_up, "change-follower", interval_s=interval_s, trouble=trouble, wait_first=True)

    async def start(self) -> None:
        """Follow from now on; what was changed before is in what was read since, and applied to what was stored.

        Raises:
            DatabaseUnavailableError: the database can't be reached.
        """
        left = await asyncio.to_thread(self._places.load) if self._places else None
        if left and left.outdated:
            _log.warning("this server was away so long that changes may be forgotten; what it cached is dropped")
            await self._outdated()
        if left and not left.outdated:
            self._seen, self._mark = left.sequence, left.mark
            await self.catch_up()
        else:
            self._seen = await self._feed.last_change()
            self._mark = (await self._feed.epoch(self._seen)).mark
            await self._save()
        self._loop.start()

    @property
    def seen(self) -> int:
        """The number of the last change that has been applied."""
        return self._seen

    async def catch_up(self) -> None:
        """Apply all changes up to now."""
        async with self._lock:
            epoch = await self._feed.epoch(self._seen)
            if not epoch.follows(self._seen, self._mark):
                _log.warning("the configuration was put back to an earlier state; all of it is read again")
                await self._start_over()
                self._seen, self._mark = epoch.last, ""
            for change in await self._feed.changes_after(self._seen):
                for handler in self._handlers.get(change.kind, ()):
                    await _apply(handler, change)
                self._seen, self._mark = change.sequence, ""
            if not self._mark:
                self._mark = (await self._feed.epoch(self._seen)).mark
            await self._save()

    async def _save(self) -> None:
        if self._places:
            await asyncio.to_thread(self._places.save, self._seen, self._mark)

    async def close(self) -> None:
        """Follow no more."""
        await self._loop.close()


async def _apply(handler: ChangeHandler, change: Change) -> None:
    """Let a handler that fails hold up no other change: the next one may revoke a key.

    Raises:
        DatabaseUnavailableError: to be tried again.
    """
    try:
        await handler(change)
    except DatabaseUnavailableError:
        raise
    except Exception:  # noqa: BLE001 - whatever it was, the next change must be seen
        _log.exception("a configuration change could not be applied", extra={"tenant": change.tenant_id})
