"""Handing the trail on: in order, from where it was left, each record at least once, with patience."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from radgate_server.core.audit.chain import START
from radgate_server.core.audit.checkpoint import Checkpoint, from_line, to_line
from radgate_server.core.audit.export.checkpoint import checkpoint_line, checkpoint_record
from radgate_server.core.audit.export.dicom import audit_message
from radgate_server.core.audit.export.fhir import audit_event
from radgate_server.core.audit.ports.export import Backlog, ExportPositions, ExportTelemetry, RecordReceiver
from radgate_server.core.audit.verification import StoredRecord
from radgate_server.core.errors import NotDeliveredError
from radgate_server.services.audit import exporter as audit_exporter
from radgate_server.services.audit.exporter import LONGEST_WAIT_S, AuditExporter
from tests.fakes.audit_records import EmptyTrail
from tests.fakes.clock import FakeClock
from tests.unit.core.audit.export.records import stored


@dataclass
class Positions:
    """Chains in memory."""

    chains: dict[str, list[StoredRecord]] = field(default_factory=dict)
    reached: dict[str, int] = field(default_factory=dict)
    holder: str = ""

    async def backlogs(self, receiver: str) -> Sequence[Backlog]:
        behind = ((name, self.reached.get(name, 0)) for name in self.chains)
        return [Backlog(name, reached, reached) for name, reached in behind if reached < len(self.chains[name])]

    async def claim(self, receiver: str, holder: str, now_s: float, until_s: float) -> bool:
        self.holder = self.holder or holder
        return self.holder == holder

    async def following(self, backlog: Backlog, limit: int) -> Sequence[StoredRecord]:
        return self.chains[backlog.tenant_id][backlog.sequence :][:limit]

    async def advance(self, receiver: str, tenant_id: str, last: StoredRecord) -> None:
        self.reached[tenant_id] = last.sequence


@dataclass
class Receiver:
    """Fails as often as is said."""

    name: str = "arr"
    failures: int = 0
    got: list[tuple[str, int]] = field(default_factory=list)
    closed: bool = False

    async def send(self, records: Sequence[StoredRecord]) -> None:
        if self.failures:
            self.failures -= 1
            self.got += [(record.words[0], record.sequence) for record in records[:1]]
            raise NotDeliveredError("it can't be reached")
        self.got += [(record.words[0], record.sequence) for record in records]

    async def close(self) -> None:
        self.closed = True


@dataclass
class Telemetry:
    lags: list[float] = field(default_factory=list)
    sent: int = 0
    failures: int = 0

    def export_lag(self, receiver: str, lag_s: float) -> None:
        self.lags.append(lag_s)

    def exported(self, receiver: str, records: int) -> None:
        self.sent += records

    def export_failed(self, receiver: str) -> None:
        self.failures += 1


class SignedTrail(EmptyTrail):
    """Knows the newest checkpoint of each tenant."""

    def __init__(self) -> None:
        self.signed: list[Checkpoint] = []

    async def last_checkpoints(self) -> Sequence[Checkpoint]:
        return self.signed


class Rig:
    def __init__(self) -> None:
        self.trail = SignedTrail()
        chains = {name: [stored(number, tenant_id=name) for number in range(1, 6)] for name in "ab"}
        self.positions, self.receiver, self.telemetry = Positions(chains), Receiver(), Telemetry()
        self.waits: list[float] = []
        self.enough = asyncio.Event()

    def exporter(self) -> AuditExporter:
        ports: tuple[ExportPositions, RecordReceiver, ExportTelemetry] = (self.positions, self.receiver, self.telemetry)
        positions, receiver, telemetry = ports
        return AuditExporter(positions, self.trail, receiver, FakeClock(), telemetry, interval_s=1, sleep=self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        if len(self.waits) > 9:
            self.enough.set()
            await asyncio.Event().wait()
        await asyncio.sleep(0)


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    monkeypatch.setattr(audit_exporter, "BATCH_RECORDS", 2)
    return Rig()


ALL_IN_TURN = [("a", 1), ("a", 2), ("b", 1), ("b", 2), ("a", 3), ("a", 4), ("b", 3), ("b", 4), ("a", 5), ("b", 5)]


async def test_chains_are_sent_in_order_and_no_tenant_waits_for_another(rig: Rig) -> None:
    await rig.exporter().look()
    assert rig.receiver.got == ALL_IN_TURN
    assert (rig.telemetry.sent, rig.telemetry.lags[-1]) == (10, 0)


async def test_what_was_sent_is_not_sent_again_by_the_next_server(rig: Rig) -> None:
    rig.positions.reached = {"a": 5, "b": 3}
    await rig.exporter().look()
    assert rig.receiver.got == [("b", 4), ("b", 5)]


async def test_a_batch_that_failed_is_sent_again(rig: Rig) -> None:
    rig.receiver.failures = 1
    exporter = rig.exporter()
    with pytest.raises(NotDeliveredError):
        await exporter.look()
    await exporter.look()
    assert rig.receiver.got == [("a", 1), *ALL_IN_TURN]


async def test_one_server_of_several_sends(rig: Rig) -> None:
    first, second = rig.exporter(), rig.exporter()
    await asyncio.gather(first.look(), second.look())
    assert rig.receiver.got == ALL_IN_TURN


async def test_a_receiver_that_fails_is_asked_less_and_less_often(rig: Rig) -> None:
    rig.receiver.failures = 8
    exporter = rig.exporter()
    exporter.start()
    await rig.enough.wait()
    await exporter.close()
    assert rig.waits == [2, 4, 8, 16, 32, LONGEST_WAIT_S, LONGEST_WAIT_S, LONGEST_WAIT_S, 1, 1]
    assert (rig.telemetry.failures, rig.telemetry.sent, rig.receiver.closed) == (8, 10, True)


async def test_each_tenants_newest_checkpoint_is_sent_once_and_again_after_a_failure(rig: Rig) -> None:
    rig.positions.chains = {}
    rig.trail.signed = [Checkpoint("a", 5, b"h" * 32, 1_700_000_000_000_000, START, "k" * 16, b"s" * 64)]
    rig.receiver.failures = 1
    exporter = rig.exporter()
    with pytest.raises(NotDeliveredError):
        await exporter.look()
    await exporter.look()
    await exporter.look()
    assert rig.receiver.got == [("a", 5), ("a", 5)]
    rig.trail.signed = [replace(rig.trail.signed[0], sequence=9)]
    await exporter.look()
    assert rig.receiver.got[2:] == [("a", 9)]


@pytest.mark.parametrize("form", ["dicom", "fhir"])
def test_a_checkpoint_that_a_collector_got_is_read_back(form: str) -> None:
    made = Checkpoint("a", 5, b"h" * 32, 1_700_000_000_000_000, START, "k" * 16, b"s" * 64)
    record = checkpoint_record(made)
    message = (
        audit_message(record, "radgate").decode() if form == "dicom" else json.dumps(audit_event(record, "radgate"))
    )
    assert from_line(checkpoint_line(message)) == made
    assert checkpoint_line(to_line(made)) == to_line(made)
