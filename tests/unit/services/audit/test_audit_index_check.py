"""The background check of the audit trail's index, on SQLite."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import text

from radgate_server.adapters.database.audit.records import SqlAuditRecords
from radgate_server.adapters.database.audit.trail import SqlAuditTrail
from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.migration import migrate
from radgate_server.services.audit.index_check import AuditIndexCheck, rebuild_index
from tests.conformance.audit_trail_suite import record

NUMBERS = 300


@dataclass
class Seen:
    """IndexTelemetry that remembers."""

    differs: dict[str, bool] = field(default_factory=dict)

    def index(self, tenant_id: str, *, differs: bool) -> None:
        self.differs[tenant_id] = differs


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite:///{tmp_path}/radgate.db"
    migrate(url)
    database = Database(url)
    yield database
    await database.close()


async def test_old_entries_that_were_removed_are_found_in_turn_and_stay_known_until_they_are_there_again(
    database: Database,
) -> None:
    records, seen = SqlAuditRecords(database), Seen()
    check = AuditIndexCheck(SqlAuditTrail(database), records, seen, interval_s=1, numbers=NUMBERS)
    await record(database, 1500, "a")
    while (await records.advance("a")).is_behind:
        continue
    for _ in range(6):
        await check.look()
    assert (seen.differs, check.problem("a")) == ({}, "")
    gone = text("DELETE FROM audit_index WHERE term LIKE 'u:%' AND block = 2")
    await database.write(lambda connection: connection.execute(gone))
    for _ in range(6):  # it has been round once, and looks elsewhere again
        await check.look()
    assert seen.differs == {"a": True}
    assert check.problem("a").startswith("entries about records 512 to 767 are not what the records give")
    await rebuild_index(records, "a")
    await check.look()
    assert (seen.differs, check.problem("a")) == ({"a": False}, "")
