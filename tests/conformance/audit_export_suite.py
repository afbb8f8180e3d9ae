"""How far collectors of the audit trail have got, on every kind of database.

A subclass's module gives the fixture `url`: empty.
"""

import asyncio

import pytest

from radgate_server.adapters.database.audit.exports import SqlExportPositions
from radgate_server.adapters.database.audit.waiting import SqlAuditSink
from radgate_server.adapters.database.connection.database import Database
from radgate_server.core.audit.ports.export import Backlog, ExportPositions
from tests.conformance.database_bench import DatabaseBench
from tests.conformance.database_suites import audit_entry


class AuditExportSuite(DatabaseBench):
    """ExportPositions."""

    @pytest.fixture
    async def positions(self, database: Database) -> ExportPositions:
        sink = SqlAuditSink(database)
        entries = [audit_entry(number)._replace(tenant_id="aab"[number % 3]) for number in range(9)]
        await asyncio.gather(*(sink.record(entry) for entry in entries))
        await sink.close()
        return SqlExportPositions(database)

    async def test_each_chain_is_followed_in_order(self, positions: ExportPositions) -> None:
        assert await positions.backlogs("arr") == [Backlog("a", 0, 0), Backlog("b", 0, 0)]
        first = await positions.following(Backlog("a", 0, 0), 4)
        assert [(record.words[0], record.sequence) for record in first] == [("a", n) for n in (1, 2, 3, 4)]
        await positions.advance("arr", "a", first[-1])
        reached = Backlog("a", 4, first[-1].number)
        assert await positions.backlogs("arr") == [reached, Backlog("b", 0, 0)]
        rest = await positions.following(reached, 4)
        assert [record.sequence for record in rest] == [5, 6]
        await positions.advance("arr", "a", rest[-1])
        assert await positions.following(Backlog("a", 6, rest[-1].number), 4) == ()
        assert await positions.backlogs("arr") == [Backlog("b", 0, 0)]
        assert len(await positions.backlogs("another")) == 2

    async def test_one_holder_sends_until_it_is_heard_of_no_more(self, positions: ExportPositions) -> None:
        assert await positions.claim("arr", "one", 0, 60)
        assert not await positions.claim("arr", "two", 50, 110)
        assert await positions.claim("arr", "one", 50, 110)
        assert await positions.claim("arr", "two", 111, 171)
        assert not await positions.claim("arr", "one", 112, 172)
        assert await positions.claim("another", "one", 112, 172)
