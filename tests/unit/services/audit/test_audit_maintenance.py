"""The background check of the audit trail, on SQLite."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import text

from radgate_server.adapters.database.audit.trail import SqlAuditTrail
from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.migration import migrate
from radgate_server.adapters.secrets.signing import FileSigner
from radgate_server.core.audit.chain import ChainHead
from radgate_server.services.audit.maintenance import AuditMaintenance
from radgate_server.settings.audit import AuditSettings
from tests.conformance.audit_trail_suite import record
from tests.fakes.clock import FakeClock

SETTINGS = AuditSettings(checkpoint_records=5, checkpoint_interval_s=100, check_records=4)


@dataclass
class Seen:
    """ChainTelemetry that remembers."""

    chains: dict[str, tuple[bool, int]] = field(default_factory=dict)
    checks: int = 0

    def chain(self, head: ChainHead, *, broken: bool, unsigned: int) -> None:
        self.chains[head.tenant_id] = (broken, unsigned)

    def checked(self, time_s: float) -> None:
        self.checks += 1


@dataclass
class Bench:
    database: Database
    trail: SqlAuditTrail
    keeper: AuditMaintenance
    clock: FakeClock
    seen: Seen

    async def attack(self, statement: str) -> None:
        await self.database.write(lambda connection: connection.execute(text(statement)))

    async def checkpoints(self) -> list[tuple[str, int]]:
        return [(found.tenant_id, found.sequence) for found in await self.trail.checkpoints()]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    url = f"sqlite:///{tmp_path}/radgate.db"
    migrate(url)
    database, clock, seen = Database(url), FakeClock(), Seen()
    trail = SqlAuditTrail(database)
    keeper = AuditMaintenance(trail, FileSigner(tmp_path / "keys"), SETTINGS, clock, seen)
    yield Bench(database, trail, keeper, clock, seen)
    await keeper.close()
    await database.close()


async def test_signs_what_is_due(bench: Bench) -> None:
    await bench.keeper.look()
    assert (bench.seen.chains, bench.seen.checks) == ({}, 1)
    await record(bench.database, 2, "a", "b")
    await bench.keeper.look()
    assert await bench.checkpoints() == [("a", 1), ("b", 1)]
    await record(bench.database, 4, "a")
    await bench.keeper.look()
    assert bench.seen.chains == {"a": (False, 4), "b": (False, 0)}
    await record(bench.database, 1, "a")
    await bench.keeper.look()
    assert (await bench.checkpoints())[2:] == [("a", 6)]
    await record(bench.database, 1, "b")
    bench.clock.advance(100)
    await bench.keeper.look()
    assert (await bench.checkpoints())[3:] == [("b", 2)]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entries SET detail = 'x' WHERE tenant_id = 'a' AND sequence = 8",
        "DELETE FROM audit_entries WHERE tenant_id = 'a' AND sequence = 8",
        "UPDATE audit_heads SET sequence = 7 WHERE tenant_id = 'a'",
        "UPDATE audit_heads SET record_hash = x'00' WHERE tenant_id = 'a'",
        "DELETE FROM audit_heads WHERE tenant_id = 'a'",
    ],
)
async def test_finds_what_was_done_to_the_newest_records(
    bench: Bench, statement: str, caplog: pytest.LogCaptureFixture
) -> None:
    await record(bench.database, 1, "b")
    await record(bench.database, 9, "a")
    await bench.keeper.look()
    assert not any(broken for broken, _ in bench.seen.chains.values())
    made = await bench.checkpoints()
    await bench.attack(statement)
    bench.clock.advance(200)
    for _ in range(2):
        await bench.keeper.look()
    assert [message for message in caplog.messages if "tampered" in message] == [caplog.messages[0]]
    assert bench.seen.chains["b"] == (False, 0)
    assert await bench.checkpoints() == made
    assert bench.seen.chains["a"][0]


async def test_continues_looking_when_the_database_was_away(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    database, seen, asked = Database(f"sqlite:///{tmp_path}/radgate.db"), Seen(), []
    done = asyncio.Event()

    async def sleep(seconds: float) -> None:
        asked.append(seconds)
        if len(asked) == 1:
            await asyncio.to_thread(migrate, f"sqlite:///{tmp_path}/radgate.db")
        else:
            done.set()
            await asyncio.Event().wait()

    trail, signer = SqlAuditTrail(database), FileSigner(tmp_path / "keys")
    keeper = AuditMaintenance(trail, signer, SETTINGS, FakeClock(), seen, sleep=sleep)
    keeper.start()
    await done.wait()
    await keeper.close()
    await database.close()
    assert (seen.checks, asked) == (1, [60, 60])
    assert "can't be checked" in caplog.text
