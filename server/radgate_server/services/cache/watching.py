"""Events of studies: from the PACS that report changes in them, to the caches and to subscribers."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from radgate_server.core.errors import GatewayError, PacsError
from radgate_server.core.pacs.ports import PacsChanges, PacsClient, StudyChange
from radgate_server.lib.condition_log import ConditionLog
from radgate_server.services.repeating import Repeating

_log = logging.getLogger(__name__)

MAX_PENDING = 1000
MAX_PAGES = 50
"""Pages of a feed that are read at one look; the next look goes on there."""


@dataclass(frozen=True, slots=True)
class StudyEvent:
    """Something was added, changed or removed in a study. `pacs` is "" when it was not a PACS that reported it.

    `doubtful` as in StudyChange.
    """

    study_instance_uid: str
    pacs: str
    removed: bool
    doubtful: bool = False


class Watcher:
    """One subscriber's queue. Whoever reads too slowly loses events, and is notified that some were lost."""

    def __init__(self) -> None:
        self._pending: deque[StudyEvent | None] = deque()
        self._arrived = asyncio.Event()

    def put(self, event: StudyEvent) -> None:
        """Add the news; the same, still unread, is not added twice."""
        if event in self._pending:
            return
        if len(self._pending) >= MAX_PENDING:
            self._pending.clear()
            self._pending.append(None)
        self._pending.append(event)
        self._arrived.set()

    async def __aiter__(self) -> AsyncGenerator[StudyEvent | None]:
        """Yield the events as they arrive, for ever; None: some were lost, so everything is to be queried again."""
        while True:
            while self._pending:
                yield self._pending.popleft()
            self._arrived.clear()
            await self._arrived.wait()


class StudyChangePublisher:
    """Hands the news of each tenant to its watchers. All in one event loop."""

    def __init__(self) -> None:
        self._watchers: dict[str, set[Watcher]] = {}

    @contextmanager
    def watch(self, tenant_id: str) -> Iterator[Watcher]:
        """Watch the tenant's studies from now on."""
        watcher = Watcher()
        watchers = self._watchers.setdefault(tenant_id, set())
        watchers.add(watcher)
        try:
            yield watcher
        finally:
            watchers.discard(watcher)
            if not watchers:
                self._watchers.pop(tenant_id, None)

    def publish(self, tenant_id: str, event: StudyEvent) -> None:
        """Notify all subscribers."""
        for watcher in self._watchers.get(tenant_id, ()):
            watcher.put(event)


type _Place = tuple[str, str]
"""Tenant and PACS."""

type Members = Callable[[], Iterable[tuple[str, PacsClient]]]
"""Gives all PACS that this process is connected to, each with its tenant."""

type OnBegin = Callable[[str], None]
"""What to do when a feed of the tenant is followed from now on: what changed just before was reported to nobody."""

type OnNews = Callable[[str, StudyEvent], Awaitable[None]]
"""What to do about news of a tenant's study."""


class ChangesReader(Repeating):
    """Reads the feeds of changes every `interval_s` seconds.

    It begins where a feed ends when this process first sees the PACS: what changed before, while nobody looked, is not
    reported.
    """

    def __init__(self, members: Members, on_event: OnNews, on_begin: OnBegin, *, interval_s: float) -> None:
        trouble = "can't look for changes in PACS"
        super().__init__("changes-reader", interval_s=interval_s, trouble=trouble, wait_first=True)
        self._members = members
        self._on_event = on_event
        self._on_begin = on_begin
        self._places: dict[_Place, int] = {}
        self._conditions: dict[_Place, ConditionLog] = {}
        self._reading: dict[_Place, asyncio.Task[None]] = {}

    async def close(self) -> None:
        """Read no more."""
        await super().close()
        tasks = list(self._reading.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def look(self) -> list[asyncio.Task[None]]:
        """Begin to read each feed that is not being read still, so that none waits for another; returns all readings.

        One that fails is read again next time.
        """
        feeds = {(tenant_id, client.name): client.changes for tenant_id, client in self._members() if client.changes}
        self._places = {place: last for place, last in self._places.items() if place in feeds}
        self._conditions = {place: self._conditions.get(place) or _condition(place) for place in feeds}
        for place, feed in feeds.items():
            if place not in self._reading:
                task = self._reading[place] = asyncio.create_task(self._read(place, feed), name="changes-of-a-pacs")
                task.add_done_callback(partial(self._ended, place))
        return list(self._reading.values())

    def _ended(self, place: _Place, _task: asyncio.Task[None]) -> None:
        del self._reading[place]

    async def _read(self, place: _Place, feed: PacsChanges) -> None:
        try:
            for _ in range(MAX_PAGES):
                more = await self._read_page(place, feed)
                self._conditions[place].succeeded()
                if not more:
                    return
        except PacsError:
            return  # the health monitor reports it; here it would be reported every few seconds
        except GatewayError as error:
            self._conditions[place].failed(error.message, tenant=place[0], pacs=place[1])
        except Exception as error:  # noqa: BLE001 - whatever it was, caches must hear of the next change
            self._conditions[place].failed_by_defect(error)

    async def _read_page(self, place: _Place, feed: PacsChanges) -> bool:
        """Read on by one page; return whether there is more."""
        last = self._places.get(place)
        batch = await feed.changes_after(last)
        for change in dict.fromkeys(batch.changes):
            await self._on_event(place[0], _event(change, place[1]))
        if last is None:
            self._on_begin(place[0])
        self._places[place] = batch.last
        return batch.more and batch.last != last


def _condition(place: _Place) -> ConditionLog:
    return ConditionLog(_log, f"changes in PACS {place[1]} can't be followed")


def _event(change: StudyChange, pacs: str) -> StudyEvent:
    return StudyEvent(change.study_instance_uid, pacs, change.removed, change.doubtful)
