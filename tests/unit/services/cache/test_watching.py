import asyncio
from dataclasses import replace

from radgate_server.core.errors import PacsUnreachableError
from radgate_server.core.pacs.ports import ChangeBatch, PacsClient, StudyChange
from radgate_server.services.cache.watching import (
    MAX_PAGES,
    MAX_PENDING,
    ChangesReader,
    StudyChangePublisher,
    StudyEvent,
)
from tests.fakes.memory_pacs import MemoryPacs
from tests.fakes.waiting import settle, until


def news(number: int) -> StudyEvent:
    return StudyEvent(f"2.25.{number}", "main", removed=False)


async def test_news_goes_to_those_who_watch_the_tenant() -> None:
    publisher = StudyChangePublisher()
    with publisher.watch("east") as east, publisher.watch("west") as west:
        publisher.publish("east", news(1))
        publisher.publish("west", news(2))
        assert await anext(aiter(east)) == news(1)
        assert await anext(aiter(west)) == news(2)
    publisher.publish("east", news(3))


async def test_unread_news_is_not_kept_twice() -> None:
    publisher = StudyChangePublisher()
    with publisher.watch("east") as watcher:
        for number in (1, 1, 2, 1):
            publisher.publish("east", news(number))
        stream = aiter(watcher)
        assert [await anext(stream), await anext(stream)] == [news(1), news(2)]
        publisher.publish("east", news(1))
        assert await anext(stream) == news(1)


async def test_who_reads_too_slowly_is_informed_that_something_was_lost() -> None:
    publisher = StudyChangePublisher()
    with publisher.watch("east") as watcher:
        for number in range(MAX_PENDING + 1):
            publisher.publish("east", news(number))
        stream = aiter(watcher)
        assert [await anext(stream), await anext(stream)] == [None, news(MAX_PENDING)]


class Feed:
    """PacsChanges over a list; two changes a batch."""

    def __init__(self) -> None:
        self.changes: list[StudyChange] = []
        self.fails = False

    async def changes_after(self, last: int | None) -> ChangeBatch:
        if self.fails:
            raise PacsUnreachableError("no connection", pacs="main")
        if last is None:
            return ChangeBatch((), len(self.changes), more=False)
        end = min(last + 2, len(self.changes))
        return ChangeBatch(tuple(self.changes[last:end]), end, more=end < len(self.changes))


async def test_feeds_are_read_from_where_they_end_at_first_and_on_after_a_failure() -> None:
    feed = Feed()
    feed.changes = [StudyChange("2.25.1", removed=False)]
    client: PacsClient = replace(MemoryPacs(name="main").client, changes=feed)
    reported: list[tuple[str, StudyEvent]] = []
    begun: list[str] = []

    def members() -> list[tuple[str, PacsClient]]:
        return [("east", client), ("east", MemoryPacs(name="silent").client)]

    async def on_event(tenant_id: str, item: StudyEvent) -> None:
        reported.append((tenant_id, item))

    reader = ChangesReader(members, on_event, begun.append, interval_s=1)
    await asyncio.gather(*await reader.look())
    assert reported == []
    assert begun == ["east"]
    feed.fails = True
    feed.changes += [StudyChange(f"2.25.{n}", removed=n == 4) for n in (2, 3, 4)]
    await asyncio.gather(*await reader.look())
    feed.fails = False
    await asyncio.gather(*await reader.look())
    await asyncio.gather(*await reader.look())
    assert reported == [("east", StudyEvent(f"2.25.{n}", "main", removed=n == 4)) for n in (2, 3, 4)]
    assert begun == ["east"]


class SilentFeed:
    """PacsChanges that never answers."""

    async def changes_after(self, last: int | None) -> ChangeBatch:
        await asyncio.Event().wait()
        raise AssertionError(last)


class EndlessFeed:
    """PacsChanges of a PACS that always says that there is more."""

    async def changes_after(self, last: int | None) -> ChangeBatch:
        return ChangeBatch((StudyChange(f"2.25.{last}", removed=False),), (last or 0) + 1, more=True)


class BrokenFeed:
    """PacsChanges with a defect."""

    async def changes_after(self, last: int | None) -> ChangeBatch:
        raise OverflowError(last)


async def test_no_feed_waits_for_another_tenants() -> None:
    feed = Feed()
    members = [
        ("east", replace(MemoryPacs(name="silent").client, changes=SilentFeed())),
        ("east", replace(MemoryPacs(name="endless").client, changes=EndlessFeed())),
        ("east", replace(MemoryPacs(name="broken").client, changes=BrokenFeed())),
        ("west", replace(MemoryPacs(name="main").client, changes=feed)),
    ]
    reported: list[tuple[str, str]] = []

    async def on_event(tenant_id: str, item: StudyEvent) -> None:
        reported.append((tenant_id, item.pacs))

    reader = ChangesReader(lambda: members, on_event, lambda _: None, interval_s=1)
    first = await reader.look()
    await until(lambda: sum(task.done() for task in first) == 3)
    await settle()
    (silent,) = (task for task in first if not task.done())
    assert reported == [("east", "endless")] * MAX_PAGES
    feed.changes += [StudyChange("2.25.1", removed=False)]
    again = await reader.look()
    assert silent in again
    assert len(again) == 4
    await until(lambda: ("west", "main") in reported)
    await reader.close()
    assert all(task.done() for task in again)
