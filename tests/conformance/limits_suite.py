"""What keeps limits and the use of quotas in a database must do. A subclass's module gives the fixture `url`: empty."""

import asyncio
from datetime import timedelta

import pytest

from radgate_server.adapters.database.access.keys import SqlKeyDirectory
from radgate_server.adapters.database.access.limits import KEPT_DAYS, SqlLimitDirectory, SqlUsageLedger
from radgate_server.adapters.database.access.tenants import SqlTenantDirectory
from radgate_server.adapters.database.changes import SqlChangeFeed
from radgate_server.adapters.database.connection.database import Database
from radgate_server.core.access.ports.directory import ChangeKind
from radgate_server.core.errors import ResourceNotFoundError
from radgate_server.core.limits.meters import Used
from radgate_server.core.limits.model import Limits, LimitSubject, read_networks
from tests.conformance.database_bench import DatabaseBench
from tests.conformance.directory_suite import NOW, key, tenant

EAST = LimitSubject("east")
SOME = Limits(
    requests_per_second=0.5,
    burst_requests=0,
    daily_bytes=1 << 50,
    allowed_networks=read_networks(["10.0.0.0/8", "2001:db8::/32"], ""),
    denied_networks=read_networks(["10.6.6.6"], ""),
)
DAY = NOW.toordinal()


class LimitsSuite(DatabaseBench):
    """Subclass it as Test..."""

    @pytest.fixture
    async def limits(self, database: Database) -> SqlLimitDirectory:
        await SqlTenantDirectory(database, lambda: NOW).create_tenant(tenant("east"))
        return SqlLimitDirectory(database, lambda: NOW)

    async def test_keeps_what_was_set_and_reports_others(self, database: Database, limits: SqlLimitDirectory) -> None:
        await limits.put_limits(EAST, SOME)
        await limits.put_limits(LimitSubject("east", "0123456789ab"), Limits(concurrent_requests=3))
        await limits.put_limits(EAST, SOME)
        kept = {EAST: SOME, LimitSubject("east", "0123456789ab"): Limits(concurrent_requests=3)}
        assert await limits.list_limits() == kept
        news = await SqlChangeFeed(database, lambda: NOW).changes_after(1)
        reported = [(change.kind, change.tenant_id, change.subject) for change in news]
        assert reported == [(ChangeKind.LIMITS, "east", "")]

    async def test_a_principal_may_have_a_long_name(self, database: Database, limits: SqlLimitDirectory) -> None:
        user = LimitSubject("east", f"oidc:hospital:{'s' * 255}")
        await limits.put_limits(user, Limits(concurrent_requests=3))
        assert await limits.list_limits() == {user: Limits(concurrent_requests=3)}

    async def test_what_is_not_set_any_more_leaves_nothing(self, limits: SqlLimitDirectory) -> None:
        await limits.put_limits(EAST, SOME)
        await limits.put_limits(EAST, Limits())
        assert await limits.list_limits() == {}

    async def test_limits_go_with_the_tenant(self, database: Database, limits: SqlLimitDirectory) -> None:
        await limits.put_limits(EAST, SOME)
        await SqlTenantDirectory(database, lambda: NOW).delete_tenant("east")
        assert await limits.list_limits() == {}
        with pytest.raises(ResourceNotFoundError):
            await limits.put_limits(EAST, SOME)

    async def test_a_rotated_key_hands_its_limits_on(self, database: Database, limits: SqlLimitDirectory) -> None:
        keys = SqlKeyDirectory(database, lambda: NOW)
        old, new = key("0123456789ab", "east"), key("ba9876543210", "east")
        await keys.create_key(old)
        await limits.put_limits(LimitSubject("east", old.key_id), SOME)
        await keys.replace_key(old.key_id, new, NOW + timedelta(hours=1))
        assert await limits.list_limits() == {LimitSubject("east", each.key_id): SOME for each in (old, new)}

    async def test_what_many_servers_use_is_added_up(self, database: Database) -> None:
        ledger = SqlUsageLedger(database)
        one, other = LimitSubject("east", "oidc:hospital:someone"), LimitSubject("", "key")
        uses = [{one: Used(1, 10), other: Used(2, 1 << 40)}, {other: Used(2, 1 << 40), one: Used(1, 10)}]
        await asyncio.gather(*(ledger.add(DAY, uses[number % 2]) for number in range(10)))
        assert await ledger.add(DAY, {}) == {one: Used(10, 100), other: Used(20, 10 << 40)}
        assert await ledger.add(DAY + 1, {}) == {}

    async def test_days_that_are_long_past_are_forgotten(self, database: Database) -> None:
        ledger = SqlUsageLedger(database)
        for day in (DAY - KEPT_DAYS - 1, DAY - KEPT_DAYS, DAY):
            await ledger.add(day, {EAST: Used(1, 1)})
        assert await ledger.add(DAY - KEPT_DAYS - 1, {}) == {}
        assert await ledger.add(DAY - KEPT_DAYS, {}) == {EAST: Used(1, 1)}

    async def test_not_more_is_reserved_than_there_is_however_many_ask(self, database: Database) -> None:
        ledger = SqlUsageLedger(database)
        await ledger.add(DAY, {EAST: Used(20, 7)})
        grants = await asyncio.gather(*(ledger.reserve(DAY, EAST, 16, 100) for _ in range(40)))
        assert sum(granted for granted, _ in grants) == 80
        assert max(granted for granted, _ in grants) == 16
        assert max(counted for _, counted in grants) == 100
        assert await ledger.reserve(DAY, EAST, 16, 100) == (0, 100)
        assert await ledger.add(DAY, {EAST: Used(-3, 0)}) == {EAST: Used(97, 7)}
        assert await ledger.reserve(DAY, EAST, 16, 100) == (1, 98)

    async def test_the_first_of_a_day_reserves_too(self, database: Database) -> None:
        assert await SqlUsageLedger(database).reserve(DAY, LimitSubject("", "key"), 1, 3) == (1, 1)
