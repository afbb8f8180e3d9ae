"""What every PackIndex must do. A subclass overrides `index`, which takes its time from the fixture `clock`."""

import asyncio
from datetime import timedelta

import pytest

from radgate_server.adapters.database.changes import SqlChangeFeed
from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.packs import SqlPackIndex
from radgate_server.core.cache.ports.packs import Pack, PackedInstance, PackIndex, PackOrigin
from tests.conformance.database_bench import DatabaseBench
from tests.fakes.clock import FakeClock

STUDY, OTHER = "5" * 32, "6" * 32


def packed(pack: str, number: int) -> PackedInstance:
    return PackedInstance(
        f"{number:032x}", "7" * 32, pack, number * 100, 100, 0xFFFFFFFF, 90, 17, "1.2\0", "", bytes(40), b"state"
    )


async def add(
    index: PackIndex,
    name: str,
    *numbers: int,
    tenant: str = "alpha",
    study: str = STUDY,
    state: bytes = b"state",
    seen: int = 0,
) -> int:
    pack = Pack(tenant, study, name, 100 * len(numbers))
    return await index.add(pack, [packed(name, number) for number in numbers], PackOrigin("1.2.3", state, seen))


class PackIndexSuite:
    """On any kind of index."""

    @pytest.fixture
    def clock(self) -> FakeClock:
        return FakeClock()

    @pytest.fixture
    def index(self, clock: FakeClock) -> PackIndex:
        raise AssertionError("a subclass gives the index")

    async def test_gives_a_study_as_it_was_added(self, index: PackIndex) -> None:
        assert await add(index, "p", 1, 2) == 2
        await add(index, "q", 3, study=OTHER)
        found = await index.of_study("alpha", STUDY)
        assert found == {one.instance: one for one in (packed("p", 1), packed("p", 2))}
        assert await index.of_study("beta", STUDY) == {}

    async def test_the_first_pack_owns_an_instance(self, index: PackIndex) -> None:
        await add(index, "first", 1, 2)
        assert await add(index, "second", 2, 3) == 1
        assert await add(index, "third", 1, 2, 3) == 0
        owners = {one.offset // 100: one.pack for one in (await index.of_study("alpha", STUDY)).values()}
        assert owners == {1: "first", 2: "first", 3: "second"}
        assert await index.unknown(["first", "second", "third"]) == {"third"}

    async def test_of_writers_at_once_one_owns_each_instance(self, index: PackIndex) -> None:
        counts = await asyncio.gather(*(add(index, f"p{number}", *range(20)) for number in range(6)))
        assert sum(counts) == 20
        assert len(await index.of_study("alpha", STUDY)) == 20

    async def test_a_pack_goes_with_its_last_instance(self, index: PackIndex) -> None:
        await add(index, "p", 1, 2)
        assert list(await index.drop_instance("alpha", STUDY, packed("p", 1).instance)) == []
        assert list(await index.drop_instance("alpha", STUDY, packed("p", 1).instance)) == []
        assert list(await index.drop_instance("alpha", STUDY, packed("p", 2).instance)) == ["p"]
        assert await index.held("alpha", STUDY) == (0, 0)

    async def test_drops_a_study_or_all_of_a_tenant(self, index: PackIndex) -> None:
        await add(index, "p", 1, 2)
        await add(index, "q", 3, study=OTHER)
        await add(index, "b", 1, tenant="beta")
        assert await index.drop_study("alpha", STUDY) == (2, ["p"])
        assert await index.drop_study("alpha", STUDY) == (0, [])
        assert await index.drop_study("alpha", None) == (1, ["q"])
        assert [usage[:3] for usage in await index.usages()] == [("beta", 1, 100)]

    async def test_what_was_fetched_after_a_change_stays(self, index: PackIndex) -> None:
        await add(index, "before", 1, 2, seen=4)
        await add(index, "after", 3, seen=5)
        assert await index.drop_study("alpha", STUDY, 4) == (2, ["before"])
        assert [one.pack for one in (await index.of_study("alpha", STUDY)).values()] == ["after"]
        assert await index.drop_study("alpha", STUDY) == (1, ["after"])

    async def test_lists_what_was_not_used_for_longest(self, index: PackIndex, clock: FakeClock) -> None:
        for number, name in enumerate("abc"):
            await add(index, name, number)
            clock.advance(60)
        await index.touch({"a"})
        assert [pack.object_key for pack in await index.least_recently_used("alpha", 2)] == ["b", "c"]
        before = clock.now() - timedelta(seconds=90)
        assert [pack.object_key for pack in await index.stored_before(before, 10)] == ["a", "b"]
        assert (await index.usages())[0].use_time == clock.now()

    async def test_the_newest_pack_gives_the_state(self, index: PackIndex, clock: FakeClock) -> None:
        assert await index.state("alpha", STUDY) is None
        await add(index, "a", 1, state=b"first")
        clock.advance(1)
        await add(index, "b", 2, state=b"second")
        assert await index.state("alpha", STUDY) == b"second"
        assert {one.pack: one.state for one in (await index.of_study("alpha", STUDY)).values()} == {
            "a": b"first",
            "b": b"second",
        }

    async def test_drops_packs(self, index: PackIndex) -> None:
        await add(index, "p", 1, 2)
        await add(index, "q", 3)
        assert await index.drop_packs(["p", "unknown"]) == 2
        assert [one.pack for one in (await index.of_study("alpha", STUDY)).values()] == ["q"]

    async def test_ages_count_instances_since_use_and_since_fetch(self, index: PackIndex, clock: FakeClock) -> None:
        began = clock.now()
        await add(index, "old", 1, 2)
        await add(index, "unused", 3, study=OTHER)
        await add(index, "beta", 1, tenant="beta")
        clock.advance(2 * 86_400)
        await index.touch({"old"})
        used = clock.now()
        await add(index, "new", 4)
        clock.advance(7200)
        found = await index.ages(["alpha"], clock.now())
        assert (found.entries, found.examined) == (4, 4)
        assert found.counts == (
            (timedelta(hours=1), 0, 0),
            (timedelta(days=1), 3, 1),
            (timedelta(days=7), 4, 4),
            (timedelta(days=30), 4, 4),
            (timedelta(days=90), 4, 4),
        )
        assert (found.oldest_use, found.oldest_fetch) == (began, began)
        assert (await index.ages(["alpha", "beta"], clock.now())).entries == 5
        assert (await index.ages(["nobody"], used)).oldest_use is None


class PackIndexInDatabaseSuite(PackIndexSuite, DatabaseBench):
    """In a database."""

    @pytest.fixture
    def index(self, database: Database, clock: FakeClock) -> PackIndex:
        return SqlPackIndex(database, clock.now)

    @pytest.mark.parametrize(
        ("tenant", "subject", "owned"), [("alpha", "1.2.3", 0), ("alpha", "", 0), ("alpha", "1.2.4", 1), ("b", "", 1)]
    )
    async def test_an_invalidation_after_the_fetch_wins(
        self, index: PackIndex, database: Database, clock: FakeClock, tenant: str, subject: str, owned: int
    ) -> None:
        feed = SqlChangeFeed(database, clock.now)
        await feed.announce_invalidation(tenant, subject)
        assert await add(index, "p", 1) == owned
        origin = PackOrigin("1.2.3", b"state", await feed.last_change())
        assert await index.add(Pack("alpha", STUDY, "q", 100), [packed("q", 2)], origin) == 1
