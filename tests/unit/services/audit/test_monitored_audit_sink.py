import pytest

from radgate_server.core.audit.record import AuditAction, AuditEntry
from radgate_server.core.errors import AuditUnavailableError
from radgate_server.services.audit.monitored_sink import FRESH_S, MonitoredAuditSink
from tests.fakes.audit import RecordingAuditSink
from tests.fakes.clock import START, FakeClock
from tests.fakes.telemetry import RecordingTelemetry

ENTRY = AuditEntry(START, "east", "key", "viewer", AuditAction.QUERY, "", "", "", "local", "", "request", "study")


async def test_counts_what_could_not_be_recorded_and_says_so_until_it_can_be() -> None:
    sink, clock, telemetry = RecordingAuditSink(), FakeClock(), RecordingTelemetry()
    watched = MonitoredAuditSink(sink, clock, telemetry)
    await watched.record(ENTRY)
    assert (sink.entries, await watched.problem()) == ([ENTRY], "")
    sink.broken = True
    with pytest.raises(AuditUnavailableError):
        await watched.record(ENTRY)
    assert "can't be written" in await watched.problem()
    assert telemetry.audit_failures == 1
    sink.broken = False
    await watched.record(ENTRY)
    assert await watched.problem() == ""


async def test_a_failure_is_forgotten_when_nobody_comes_to_find_out() -> None:
    sink, clock = RecordingAuditSink(), FakeClock()
    watched = MonitoredAuditSink(sink, clock, RecordingTelemetry())
    sink.broken = True
    with pytest.raises(AuditUnavailableError):
        await watched.record(ENTRY)
    clock.advance(FRESH_S + 1)
    assert await watched.problem() == ""
