import pytest

from radgate_server.core.access.ports.directory import Change, ChangeKind
from radgate_server.core.access.tenancy import Tenant
from radgate_server.core.errors import ConfigurationError, DatabaseUnavailableError
from radgate_server.services.cache.changes import ChangeFollower
from tests.fakes.clock import START
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
