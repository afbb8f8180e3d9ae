"""What every StudyHolders must do. An adapter's test subclasses HoldersSuite and overrides the `bench` fixture."""

import asyncio
from dataclasses import dataclass

import pytest

from radgate_server.adapters.database.changes import SqlChangeFeed
from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.servers.holders import SqlStudyHolders
from radgate_server.adapters.database.servers.members import HOLDERS_KEPT, SqlMemberRegistry
from radgate_server.core.servers.holders import StudyHolders
from radgate_server.core.servers.member import MemberRegistry
from tests.conformance.database_bench import DatabaseBench
from tests.conformance.members_suite import FIRST, SECOND
from tests.fakes.clock import FakeClock

STUDY = "2.25.1"


@dataclass
class Bench:
    """Claims, and the members that may make them."""

    holders: StudyHolders
    members: MemberRegistry


class HoldersSuite:
    @pytest.fixture
    def clock(self) -> FakeClock:
        return FakeClock()

    @pytest.fixture
    def bench(self, clock: FakeClock) -> Bench:
        raise AssertionError("a subclass gives the bench")

    async def test_the_first_to_claim_holds_the_study(self, bench: Bench) -> None:
        await _announce(bench)
        assert await bench.holders.claim("east", STUDY, FIRST.member_id) == FIRST.member_id
        assert await bench.holders.claim("east", STUDY, SECOND.member_id) == FIRST.member_id
        assert await bench.holders.claim("east", STUDY, FIRST.member_id) == FIRST.member_id
        assert await bench.holders.claim("west", STUDY, SECOND.member_id) == SECOND.member_id
        assert await bench.holders.claim("east", "2.25.2", SECOND.member_id) == SECOND.member_id

    async def test_one_of_many_that_claim_at_the_same_time_holds_it(self, bench: Bench) -> None:
        await _announce(bench)
        claims = (bench.holders.claim("east", STUDY, one.member_id) for one in (FIRST, SECOND) * 10)
        assert len(set(await asyncio.gather(*claims))) == 1

    async def test_the_claim_of_a_lost_member_is_taken_over(self, bench: Bench, clock: FakeClock) -> None:
        await bench.members.announce(FIRST, 10)
        await bench.members.announce(SECOND, 30)
        await bench.holders.claim("east", STUDY, FIRST.member_id)
        clock.advance(11)
        assert await bench.holders.claim("east", STUDY, SECOND.member_id) == SECOND.member_id
        await bench.members.announce(FIRST, 10)
        assert await bench.holders.claim("east", STUDY, FIRST.member_id) == SECOND.member_id

    async def test_who_was_asked_in_vain_loses_its_claim_once(self, bench: Bench) -> None:
        await _announce(bench)
        first, second = FIRST.member_id, SECOND.member_id
        await bench.holders.claim("east", STUDY, first)
        assert await bench.holders.claim("east", STUDY, second, instead_of="another") == first
        assert await bench.holders.claim("east", STUDY, second, instead_of=first) == second
        assert await bench.holders.claim("east", STUDY, first) == second

    async def test_what_is_released_is_anyones(self, bench: Bench) -> None:
        await _announce(bench)
        for study in (STUDY, "2.25.2", "2.25.3"):
            await bench.holders.claim("east", study, FIRST.member_id)
        await bench.holders.claim("west", STUDY, FIRST.member_id)
        await bench.holders.release("east", STUDY)
        assert await bench.holders.claim("east", STUDY, SECOND.member_id) == SECOND.member_id
        assert await bench.holders.claim("east", "2.25.2", SECOND.member_id) == FIRST.member_id
        await bench.holders.release("east", None)
        assert await bench.holders.claim("east", "2.25.3", SECOND.member_id) == SECOND.member_id
        assert await bench.holders.claim("west", STUDY, SECOND.member_id) == FIRST.member_id


class HoldersInDatabaseSuite(DatabaseBench, HoldersSuite):
    @pytest.fixture
    def bench(self, database: Database, clock: FakeClock) -> Bench:
        return Bench(
            SqlStudyHolders(database, lambda _: clock.now()), SqlMemberRegistry(database, lambda _: clock.now())
        )

    async def test_invalidation_releases(self, bench: Bench, database: Database, clock: FakeClock) -> None:
        await _announce(bench)
        await bench.holders.claim("east", STUDY, FIRST.member_id)
        await SqlChangeFeed(database, clock.now).announce_invalidation("east", STUDY)
        assert await bench.holders.claim("east", STUDY, SECOND.member_id) == SECOND.member_id

    async def test_old_claims_are_dropped_when_a_member_comes(self, bench: Bench, clock: FakeClock) -> None:
        for_long = HOLDERS_KEPT.total_seconds() * 2
        await bench.members.announce(FIRST, for_long)
        await bench.holders.claim("east", STUDY, FIRST.member_id)
        clock.advance(HOLDERS_KEPT.total_seconds() + 1)
        await bench.members.announce(SECOND, for_long)
        assert await bench.holders.claim("east", STUDY, SECOND.member_id) == SECOND.member_id


async def _announce(bench: Bench) -> None:
    for member in (FIRST, SECOND):
        await bench.members.announce(member, 60)
