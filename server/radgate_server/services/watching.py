"""News of studies: from the PACS that tell what changes in them, to the caches and to whoever watches."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from radgate_server.core.errors import GatewayError
from radgate_server.core.ports.pacs import PacsChanges, PacsClient, StudyChange

_log = logging.getLogger(__name__)

MAX_PENDING = 1000


@dataclass(frozen=True, slots=True)
class StudyNews:
    """Something was added, changed or removed in a study. `pacs` is "" when it was not a PACS that told."""

    study_instance_uid: str
    pacs: str
    removed: bool


class Watcher:
    """One subscriber's queue. Whoever reads too slowly loses the news, and is told that there was some."""

    def __init__(self) -> None:
        self._pending: deque[StudyNews | None] = deque()
        self._arrived = asyncio.Event()

    def put(self, news: StudyNews) -> None:
        """Add the news; the same, still unread, is not added twice."""
        if news in self._pending:
            return
        if len(self._pending) >= MAX_PENDING:
            self._pending.clear()
            self._pending.append(None)
        self._pending.append(news)
        self._arrived.set()

    async def __aiter__(self) -> AsyncGenerator[StudyNews | None]:
        """Yield the news as it comes, for ever; None says that some was lost: everything is to be asked anew."""
        while True:
            while self._pending:
                yield self._pending.popleft()
            self._arrived.clear()
            await self._arrived.wait()


class NewsDesk:
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

    def tell(self, tenant_id: str, news: StudyNews) -> None:
        """Tell all who watch."""
        for watcher in self._watchers.get(tenant_id, ()):
            watcher.put(news)


type Members = Callable[[], Iterable[tuple[str, PacsClient]]]
"""Gives all PACS that this process is connected to, each with its tenant."""

type OnNews = Callable[[str, StudyNews], Awaitable[None]]
"""What to do about news of a tenant's study."""


class ChangesReader:
    """Reads the feeds of changes every `interval_s` seconds.

    It begins where a feed ends when this process first sees the PACS: what changed before, while nobody looked, is not
    told.
    """

    def __init__(self, members: Members, on_news: OnNews, *, interval_s: float) -> None:
        self._members = members
        self._on_news = on_news
        self._interval_s = interval_s
        self._places: dict[tuple[str, str], int] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Read from now on."""
        self._task = asyncio.create_task(self._read_on(), name="changes-reader")

    async def close(self) -> None:
        """Read no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def read_once(self) -> None:
        """Look at each feed once, all at the same time; one that fails is looked at again next time."""
        feeds = {(tenant_id, client.name): client.changes for tenant_id, client in self._members() if client.changes}
        self._places = {place: last for place, last in self._places.items() if place in feeds}
        await asyncio.gather(*(self._read(*place, feed) for place, feed in feeds.items()))

    async def _read_on(self) -> None:
        while True:
            await asyncio.sleep(self._interval_s)
            try:
                await self.read_once()
            except GatewayError as error:
                _log.warning("can't look for changes in PACS: %s", error.message)
            except Exception:  # noqa: BLE001 - whatever it was, caches must hear of the next change
                _log.exception("can't look for changes in PACS")

    async def _read(self, tenant_id: str, pacs: str, feed: PacsChanges) -> None:
        place = (tenant_id, pacs)
        more = True
        while more:
            try:
                batch = await feed.changes_after(self._places.get(place))
            except GatewayError:
                return  # the health monitor tells of it; here it would be told every few seconds
            for change in dict.fromkeys(batch.changes):
                await self._on_news(tenant_id, _news(change, pacs))
            more = batch.more and batch.last != self._places.get(place)
            self._places[place] = batch.last


def _news(change: StudyChange, pacs: str) -> StudyNews:
    return StudyNews(change.study_instance_uid, pacs, change.removed)
