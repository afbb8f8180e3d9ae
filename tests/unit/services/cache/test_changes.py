import errno
import os
from pathlib import Path

import pytest

from radgate_server.adapters.cache.disk import feed_place
from radgate_server.adapters.cache.disk.feed_place import FeedPlaceFile
from radgate_server.core.access.ports.directory import Change, ChangeKind
from radgate_server.core.access.tenancy import Tenant
from radgate_server.core.errors import ConfigurationError, DatabaseUnavailableError
from radgate_server.services.cache.changes import ChangeFollower
from tests.fakes.clock import START, FakeClock
from tests.fakes.directory import MemoryDirectory
from tests.fakes.waiting import until


class RestoredDirectory(MemoryDirectory):
    """A directory that is put back to an older state."""

    def restore(self, changes: int) -> None:
        """Keep the first `changes` changes; another history continues from there."""
        del self._changes[changes:]
        self.restored += 1


async def test_a_change_that_cant_be_applied_holds_up_no_later_one() -> None:
    directory, seen = MemoryDirectory(), []

    async def fail(_: Change) -> None:
        raise ConfigurationError("no such certificate")

    async def remember(change: Change) -> None:
        seen.append((change.kind, change.tenant_id))

    follower = ChangeFollower(directory, {ChangeKind.TENANT: (fail, remember), ChangeKind.CACHE: (remember,)})
    await directory.create_tenant(Tenant("east", START))
    await directory.announce_invalidation("west", "")
    await follower.catch_up()
    await follower.catch_up()
    assert seen == [(ChangeKind.TENANT, "east"), (ChangeKind.CACHE, "west")]


async def test_a_change_is_applied_again_when_the_database_was_away() -> None:
    directory, seen = MemoryDirectory(), []

    async def remember(change: Change) -> None:
        seen.append(change.tenant_id)
        if len(seen) == 1:
            raise DatabaseUnavailableError("the database can't be reached")

    follower = ChangeFollower(directory, {ChangeKind.CACHE: (remember,)}, interval_s=0)
    await follower.start()
    await directory.announce_invalidation("east", "")
    await until(lambda: len(seen) == 2)
    await follower.close()
    assert seen == ["east", "east"]


async def test_following_continues_after_a_defect() -> None:
    seen = []

    class Feed(MemoryDirectory):
        failures = 1

        async def changes_after(self, sequence: int) -> tuple[Change, ...]:
            if self.failures:
                self.failures -= 1
                raise ValueError("a kind of change that this version does not know")
            return tuple(await super().changes_after(sequence))

    async def remember(change: Change) -> None:
        seen.append(change.tenant_id)

    feed = Feed()
    follower = ChangeFollower(feed, {ChangeKind.CACHE: (remember,)}, interval_s=0)
    await follower.start()
    await feed.announce_invalidation("east", "")
    await until(lambda: bool(seen))
    await follower.close()
    assert seen == ["east"]


@pytest.mark.parametrize("lost", [1, 0])
async def test_a_feed_that_was_set_back_is_read_again_and_followed_from_there(lost: int) -> None:
    """Changes are gone, or as many others have come in their place by the time that anybody looks."""
    directory, seen, started_over = RestoredDirectory(), [], []

    async def remember(change: Change) -> None:
        seen.append(change.tenant_id)

    async def start_over() -> None:
        started_over.append(len(seen))

    follower = ChangeFollower(directory, {ChangeKind.CACHE: (remember,)}, start_over, interval_s=60)
    await follower.start()
    for tenant_id in ("a", "b"):
        await directory.announce_invalidation(tenant_id, "")
    await follower.catch_up()
    directory.restore(2 - 2 * lost)
    await follower.catch_up()
    await follower.catch_up()
    await directory.announce_invalidation("c", "")
    await follower.catch_up()
    await follower.close()
    assert (seen, started_over) == (["a", "b", "c"], [2])


async def test_starting_over_is_tried_again_when_the_database_goes_away_meanwhile() -> None:
    directory, tries = RestoredDirectory(), []

    async def start_over() -> None:
        tries.append(None)
        if len(tries) == 1:
            raise DatabaseUnavailableError("the database can't be reached")

    follower = ChangeFollower(directory, {}, start_over)
    await directory.announce_invalidation("a", "")
    await follower.catch_up()
    directory.restore(0)
    with pytest.raises(DatabaseUnavailableError):
        await follower.catch_up()
    await follower.catch_up()
    await follower.catch_up()
    assert len(tries) == 2


class Follower:
    """One process after another on the same disk; `applied` are the studies whose invalidation each of them applied."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.directory = MemoryDirectory()
        self.file = folder / "feed-place.json"
        self.applied: list[str] = []
        self.dropped = 0

    async def run(self, *invalidated: str) -> None:
        """From start to end; meanwhile these studies are invalidated."""
        places = FeedPlaceFile(self.file, self.clock)
        handlers = {ChangeKind.CACHE: (self._apply,)}
        follower = ChangeFollower(self.directory, handlers, places=places, outdated=self._drop, interval_s=60)
        await follower.start()
        for study in invalidated:
            await self.directory.announce_invalidation("east", study)
        await follower.catch_up()
        await follower.close()

    async def _apply(self, change: Change) -> None:
        self.applied.append(change.subject)

    async def _drop(self) -> None:
        self.dropped += 1


async def test_what_was_invalidated_while_the_process_was_away_is_dropped_at_its_start(tmp_path: Path) -> None:
    process = Follower(tmp_path)
    await process.run("1.1")
    await process.directory.announce_invalidation("east", "1.2")
    await process.run()
    await process.run("1.3")
    assert process.applied == ["1.1", "1.2", "1.3"]
    assert not process.dropped


async def test_the_first_one_begins_at_the_end_of_the_feed(tmp_path: Path) -> None:
    process = Follower(tmp_path)
    await process.directory.announce_invalidation("east", "1.1")
    await process.run()
    assert (process.applied, process.dropped) == ([], 0)


@pytest.mark.parametrize("days", [29, 30])
async def test_one_that_was_away_longer_than_changes_last_drops_everything(tmp_path: Path, days: int) -> None:
    process = Follower(tmp_path)
    await process.run()
    process.clock.advance(days * 86_400)
    await process.directory.announce_invalidation("east", "1.1")
    await process.run()
    assert (process.applied, process.dropped) == (([], 1) if days == 30 else (["1.1"], 0))


@pytest.mark.parametrize("text", ["", "[1]", '["a", "", "2026-01-01T00:00:00+00:00"]', "[1, 2, 3]", "{}"])
async def test_a_place_that_can_not_be_read_drops_everything(tmp_path: Path, text: str) -> None:
    process = Follower(tmp_path)
    await process.run()
    process.file.write_text(text)
    await process.run()
    assert process.dropped == 1


async def test_one_that_runs_long_without_changes_is_not_taken_for_one_that_was_away(tmp_path: Path) -> None:
    process = Follower(tmp_path)
    places = FeedPlaceFile(process.file, process.clock)
    for _ in range(40):
        places.save(0, "")
        process.clock.advance(86_400)
    await process.run()
    assert not process.dropped


def refuse(_path: Path, _pieces: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


async def test_a_place_that_can_not_be_saved_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = Follower(tmp_path)
    await process.run("1.1")
    with monkeypatch.context() as full_disk:
        full_disk.setattr(feed_place, "write_whole", refuse)
        await process.run("1.2")
    await process.run()
    assert process.applied == ["1.1", "1.2", "1.2"]
