"""What every AccessHistory must do. An adapter's test subclasses AccessesSuite and overrides the `history` fixture."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert

from radgate_server.adapters.database.access.tenants import SqlTenantDirectory
from radgate_server.adapters.database.access_history import SqlAccessHistory
from radgate_server.adapters.database.changes import SqlChangeFeed
from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.schema.tables import tenants
from radgate_server.core.access.ports.directory import ChangeKind
from radgate_server.core.cache.accesses import AccessCounts, AccessHistory, AccessKind, AccessPlace, StudyAccesses
from tests.conformance.database_bench import DatabaseBench

HOUR = datetime(2026, 3, 1, 7, tzinfo=UTC)
STUDY = "2.25.1"


def accesses(
    hours: int = 0, *, tenant: str = "east", study: str = STUDY, tier: str = "warm", modality: str = "CT"
) -> StudyAccesses:
    place = AccessPlace(HOUR + timedelta(hours=hours), tenant, study, AccessKind.FRAMES, tier)
    return StudyAccesses(place, AccessCounts(2, 3_000_000_000, 10, 7, 5_000_000_000), modality, "ab" * 16)


async def all_of(history: AccessHistory, tenant: str = "east", since: datetime = HOUR) -> Sequence[StudyAccesses]:
    return await history.page(tenant, since, 1000)


class AccessesSuite:
    """Of the tenants east and west."""

    @pytest.fixture
    def history(self) -> AccessHistory:
        raise AssertionError("a subclass gives the history")

    async def test_reads_what_was_added_oldest_first(self, history: AccessHistory) -> None:
        rows = [accesses(1), accesses(0, study="2.25.2"), accesses(0), accesses(0, tier="pacs")]
        await history.add(rows)
        assert list(await all_of(history)) == sorted(rows, key=lambda row: row.place)
        assert list(await all_of(history, since=HOUR + timedelta(hours=1))) == [accesses(1)]
        assert list(await all_of(history, "west")) == []

    async def test_adds_to_what_is_counted(self, history: AccessHistory) -> None:
        await history.add([accesses(modality="")])
        await history.add([accesses(), accesses(1)])
        await history.add([accesses(modality="")])
        await history.add([])
        first, second = await all_of(history)
        assert first.counts == AccessCounts(6, 9_000_000_000, 30, 21, 15_000_000_000)
        assert (first.modality, first.patient) == ("CT", "ab" * 16)
        assert second == accesses(1)

    async def test_servers_that_add_at_once_lose_nothing(self, history: AccessHistory) -> None:
        rows = [accesses(hour, study=study) for hour in range(3) for study in ("2.25.1", "2.25.2")]
        await asyncio.gather(*(history.add(rows if number % 2 else rows[::-1]) for number in range(10)))
        assert [row.counts.accesses for row in await all_of(history)] == [20] * 6

    async def test_pages_go_on_where_the_last_one_ended(self, history: AccessHistory) -> None:
        rows = [accesses(hour, study=study, tier=tier) for hour in (0, 1) for study in "12" for tier in ("hot", "pacs")]
        await history.add(rows)
        found: list[StudyAccesses] = []
        while page := await history.page("east", HOUR, 3, found[-1].place if found else None):
            assert len(page) <= 3
            found += page
        assert found == sorted(rows, key=lambda row: row.place)

    async def test_totals_are_by_tenant_and_tier(self, history: AccessHistory) -> None:
        await history.add([accesses(0), accesses(1), accesses(1, tier="pacs"), accesses(1, tenant="west")])
        one, since = accesses().counts, HOUR + timedelta(hours=1)
        assert await history.totals(["east", "west"], HOUR) == {
            "east": {"warm": one.plus(one), "pacs": one},
            "west": {"warm": one},
        }
        assert await history.totals(["east"], since) == {"east": {"warm": one, "pacs": one}}
        assert await history.totals([], HOUR) == {}
        many = [f"t{number}" for number in range(1001)]
        assert await history.totals([*many, "west"], since) == {**{name: {} for name in many}, "west": {"warm": one}}

    async def test_prunes_the_hours_before(self, history: AccessHistory) -> None:
        await history.add([accesses(0), accesses(0, tenant="west"), accesses(1), accesses(2)])
        assert await history.prune(HOUR + timedelta(hours=1)) == 2
        assert list(await all_of(history)) == [accesses(1), accesses(2)]
        assert await history.prune(HOUR) == 0

    async def test_leaves_out_what_is_of_no_tenant(self, history: AccessHistory) -> None:
        await history.add([accesses(tenant="nowhere"), accesses()])
        assert list(await all_of(history, "nowhere")) == []
        assert list(await all_of(history)) == [accesses()]


class AccessesInDatabaseSuite(DatabaseBench, AccessesSuite):
    @pytest.fixture
    async def history(self, database: Database) -> AccessHistory:
        rows = [{"tenant_id": tenant, "create_time": HOUR} for tenant in ("east", "west")]
        await database.write(lambda connection: connection.execute(insert(tenants), rows))
        return SqlAccessHistory(database)

    async def test_a_tenants_go_with_it(self, history: AccessHistory, database: Database) -> None:
        await history.add([accesses(), accesses(tenant="west")])
        await SqlTenantDirectory(database, lambda: HOUR).delete_tenant("east")
        assert [len(await all_of(history, tenant)) for tenant in ("east", "west")] == [0, 1]

    async def test_a_studys_go_when_it_is_erased(self, history: AccessHistory, database: Database) -> None:
        await history.add([accesses(), accesses(study="2.25.2"), accesses(tenant="west")])
        feed = SqlChangeFeed(database, lambda: HOUR)
        await feed.announce_invalidation("east", STUDY)
        assert len(await all_of(history)) == 2
        await feed.announce_invalidation("east", STUDY, ChangeKind.ERASURE)
        assert list(await all_of(history)) == [accesses(study="2.25.2")]
        assert len(await all_of(history, "west")) == 1
