import asyncio

from radgate_server.core.errors import ConfigurationError, DatabaseUnavailableError
from radgate_server.core.ports.directory import Change, ChangeKind
from radgate_server.core.tenancy import Tenant
from radgate_server.services.changes import ChangeFollower
from tests.fakes.clock import START
from tests.fakes.directory import MemoryDirectory


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

    follower = ChangeFollower(directory, {ChangeKind.CACHE: (remember,)}, interval_s=0.001)
    await follower.start()
    await directory.announce_invalidation("east", "")
    async with asyncio.timeout(60):
        while len(seen) < 2:
            await asyncio.sleep(0.001)
    await follower.close()
    assert seen == ["east", "east"]


async def test_following_goes_on_after_a_defect() -> None:
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
    follower = ChangeFollower(feed, {ChangeKind.CACHE: (remember,)}, interval_s=0.001)
    await follower.start()
    await feed.announce_invalidation("east", "")
    async with asyncio.timeout(60):
        while not seen:
            await asyncio.sleep(0.001)
    await follower.close()
    assert seen == ["east"]
