"""What every MemberRegistry must do. An adapter's test subclasses MembersSuite and overrides the `registry` fixture."""

from datetime import timedelta

import pytest

from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.servers.members import SqlMemberRegistry
from radgate_server.core.servers.member import Member, MemberRegistry
from tests.conformance.database_bench import DatabaseBench
from tests.fakes.clock import START, FakeClock

FIRST = Member("a" * 32, "north", "1.0.0", "RADGATE", START)
SECOND = Member("b" * 32, "south", "1.0.1", "RADGATE2", START + timedelta(seconds=1), "10.0.0.2:5", listens=False)


class MembersSuite:
    @pytest.fixture
    def clock(self) -> FakeClock:
        return FakeClock()

    @pytest.fixture
    def registry(self, clock: FakeClock) -> MemberRegistry:
        raise AssertionError("a subclass gives the registry")

    async def test_who_announces_itself_is_there_until_its_lease_ends(
        self, registry: MemberRegistry, clock: FakeClock
    ) -> None:
        assert await registry.announce(SECOND, 10) == [SECOND]
        assert await registry.announce(FIRST, 20) == [FIRST, SECOND]
        assert await registry.list_members() == [FIRST, SECOND]
        clock.advance(11)
        assert await registry.list_members() == [FIRST]
        assert await registry.announce(SECOND, 10) == [FIRST, SECOND]
        clock.advance(10)
        assert await registry.announce(FIRST, 10) == [FIRST, SECOND]

    async def test_who_withdraws_is_gone(self, registry: MemberRegistry) -> None:
        for member in (FIRST, SECOND):
            await registry.announce(member, 10)
        await registry.withdraw(FIRST.member_id)
        await registry.withdraw("nobody")
        assert await registry.list_members() == [SECOND]


class MembersInDatabaseSuite(DatabaseBench, MembersSuite):
    @pytest.fixture
    def registry(self, database: Database, clock: FakeClock) -> MemberRegistry:
        return SqlMemberRegistry(database, lambda _: clock.now())

    async def test_leases_go_by_the_databases_own_clock(self, database: Database) -> None:
        registry = SqlMemberRegistry(database)
        assert await registry.announce(FIRST, 60) == [FIRST]
        assert await registry.announce(FIRST, -1) == []
