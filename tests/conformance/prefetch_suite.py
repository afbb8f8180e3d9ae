"""What every PrefetchRecords and PriorRules must do. An adapter's test subclasses a suite and overrides its fixture."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert

from radgate_server.adapters.database.access.tenants import SqlTenantDirectory
from radgate_server.adapters.database.changes import SqlChangeFeed
from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.prefetch.outcomes import SqlPrefetchRecords
from radgate_server.adapters.database.prefetch.rules import SqlPriorRules
from radgate_server.adapters.database.schema.tables import tenants
from radgate_server.core.access.ports.directory import ChangeKind
from radgate_server.core.errors import ResourceNotFoundError
from radgate_server.core.prefetch.batch import PrefetchedStudy, PrefetchOutcome, PrefetchRecords
from radgate_server.core.prefetch.priors import PriorRule, PriorRules, Trigger
from tests.conformance.database_bench import DatabaseBench

TIME = datetime(2026, 3, 1, 7, tzinfo=UTC)


def prefetched(number: int, *, tenant: str = "east", batch: str = "a", minutes: int = 0) -> PrefetchedStudy:
    time = TIME + timedelta(minutes=minutes)
    outcome = PrefetchOutcome.INCOMPLETE
    return PrefetchedStudy(
        tenant, batch, f"2.25.{number}", time, "api", outcome, "INSTANCE_NOT_SENT", 9, 5, 1, 3_000_000_000
    )


class PrefetchRecordsSuite:
    """Of the tenants east and west."""

    @pytest.fixture
    def records(self) -> PrefetchRecords:
        raise AssertionError("a subclass gives the records")

    async def test_reads_a_batch_in_the_order_of_its_studies(self, records: PrefetchRecords) -> None:
        rows = [prefetched(2), prefetched(1, minutes=1)]
        for row in (*rows[::-1], prefetched(1, batch="b"), prefetched(3, tenant="west")):
            await records.add(row)
        assert list(await records.of_batch("east", "a")) == rows
        assert list(await records.of_batch("west", "b")) == []

    async def test_a_study_of_a_batch_has_one_record(self, records: PrefetchRecords) -> None:
        await records.add(prefetched(1))
        again = replace(prefetched(1, minutes=5), outcome=PrefetchOutcome.CACHED, reason="")
        await records.add(again)
        assert list(await records.of_batch("east", "a")) == [again]

    async def test_finds_what_was_fetched_since(self, records: PrefetchRecords) -> None:
        nothing = replace(prefetched(3, minutes=3), fetched_bytes=0)
        later = [prefetched(2, minutes=1), prefetched(1, batch="b", minutes=2)]
        for row in (prefetched(1), *later[::-1], nothing, prefetched(1, tenant="west", minutes=2)):
            await records.add(row)
        assert list(await records.fetched_since("east", TIME + timedelta(minutes=1))) == later

    async def test_prunes_what_was_prefetched_before(self, records: PrefetchRecords) -> None:
        for row in (prefetched(1), prefetched(2, tenant="west"), prefetched(3, minutes=1)):
            await records.add(row)
        assert await records.prune(TIME + timedelta(minutes=1)) == 2
        assert list(await records.of_batch("east", "a")) == [prefetched(3, minutes=1)]

    async def test_leaves_out_what_is_of_no_tenant(self, records: PrefetchRecords) -> None:
        await records.add(prefetched(1, tenant="nowhere"))
        assert list(await records.of_batch("nowhere", "a")) == []


class PriorRulesSuite:
    """Of the tenants east and west."""

    @pytest.fixture
    def rules(self) -> PriorRules:
        raise AssertionError("a subclass gives the rules")

    async def test_lists_rules_by_name_as_they_were_set_last(self, rules: PriorRules) -> None:
        triggers = frozenset({Trigger.ORDER, Trigger.ARRIVAL})
        second, first = PriorRule("b", 5, 30, True, False, True, triggers), PriorRule("a", same_body_part=True)
        for tenant, rule in (("east", PriorRule("b")), ("east", second), ("east", first), ("west", PriorRule("c"))):
            await rules.put(tenant, rule)
        assert list(await rules.list_rules("east")) == [first, second]

    async def test_deletes_a_rule_of_the_tenant(self, rules: PriorRules) -> None:
        await rules.put("east", PriorRule("a"))
        with pytest.raises(ResourceNotFoundError):
            await rules.delete("west", "a")
        await rules.delete("east", "a")
        assert list(await rules.list_rules("east")) == []

    async def test_a_rule_has_a_tenant(self, rules: PriorRules) -> None:
        with pytest.raises(ResourceNotFoundError):
            await rules.put("nowhere", PriorRule("a"))


class PriorRulesInDatabaseSuite(DatabaseBench, PriorRulesSuite):
    @pytest.fixture
    async def rules(self, database: Database) -> PriorRules:
        rows = [{"tenant_id": tenant, "create_time": TIME} for tenant in ("east", "west")]
        await database.write(lambda connection: connection.execute(insert(tenants), rows))
        return SqlPriorRules(database)


class PrefetchRecordsInDatabaseSuite(DatabaseBench, PrefetchRecordsSuite):
    @pytest.fixture
    async def records(self, database: Database) -> PrefetchRecords:
        rows = [{"tenant_id": tenant, "create_time": TIME} for tenant in ("east", "west")]
        await database.write(lambda connection: connection.execute(insert(tenants), rows))
        return SqlPrefetchRecords(database)

    async def test_a_tenants_go_with_it(self, records: PrefetchRecords, database: Database) -> None:
        await records.add(prefetched(1))
        await SqlTenantDirectory(database, lambda: TIME).delete_tenant("east")
        assert list(await records.of_batch("east", "a")) == []

    async def test_a_studys_go_when_it_is_erased(self, records: PrefetchRecords, database: Database) -> None:
        for row in (prefetched(1), prefetched(2), prefetched(1, tenant="west")):
            await records.add(row)
        feed = SqlChangeFeed(database, lambda: TIME)
        await feed.announce_invalidation("east", "2.25.1")
        assert len(await records.of_batch("east", "a")) == 2
        await feed.announce_invalidation("east", "2.25.1", ChangeKind.ERASURE)
        assert list(await records.of_batch("east", "a")) == [prefetched(2)]
        assert len(await records.of_batch("west", "a")) == 1
