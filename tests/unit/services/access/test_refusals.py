"""Refusals in the audit trail, however many come."""

import asyncio
from dataclasses import replace

import pytest

from radgate_server.core.audit.record import AuditAction, AuditOutcome
from radgate_server.services.access import refusals
from radgate_server.services.access.refusals import RefusalLog, Refused
from tests.fakes.audit import RecordingAuditSink
from tests.fakes.clock import FakeClock

BAD_KEY = Refused(
    AuditAction.AUTHENTICATE,
    AuditOutcome.FAILED,
    tenant_id="",
    asked_tenant="north",
    key_id="",
    role="",
    address="192.0.2.1",
    user_agent="curl",
    request_id="r1",
    method="radgate.v1.QueryService/SearchStudies",
    reason="UNAUTHENTICATED",
)


@pytest.fixture
def sink() -> RecordingAuditSink:
    return RecordingAuditSink()


@pytest.fixture
def log(sink: RecordingAuditSink) -> RefusalLog:
    return RefusalLog(sink, FakeClock())


async def test_the_first_of_its_kind_is_recorded_at_once(log: RefusalLog, sink: RecordingAuditSink) -> None:
    await log.note(BAD_KEY)
    (entry,) = sink.entries
    assert (entry.action, entry.outcome, entry.tenant_id) == ("authenticate", "failed", "")
    assert (entry.address, entry.user_agent, entry.request_id) == ("192.0.2.1", "curl", "r1")
    assert entry.detail == "radgate.v1.QueryService/SearchStudies for tenant north: UNAUTHENTICATED"


async def test_why_is_recorded_though_the_caller_is_not_informed(log: RefusalLog, sink: RecordingAuditSink) -> None:
    await log.note(replace(BAD_KEY, why="key 0123456789ab was revoked"))
    await log.note(replace(BAD_KEY, why="there is no such key"))
    assert [entry.detail.partition("UNAUTHENTICATED ")[2] for entry in sink.entries] == [
        "(key 0123456789ab was revoked)",
        "(there is no such key)",
    ]


async def test_repetitions_become_one_record_at_the_end_of_the_interval(
    log: RefusalLog, sink: RecordingAuditSink
) -> None:
    for _ in range(1000):
        await log.note(BAD_KEY)
    await log.note(replace(BAD_KEY, address="192.0.2.2"))
    assert len(sink.entries) == 2
    await log.look()
    assert [entry.detail[-40:] for entry in sink.entries[2:]] == ["h: UNAUTHENTICATED, and 999 more like it"]
    await log.look()
    assert len(sink.entries) == 3
    await log.note(BAD_KEY)
    assert len(sink.entries) == 4


async def test_a_flood_from_everywhere_is_bounded(
    log: RefusalLog, sink: RecordingAuditSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "MAX_KINDS", 3)
    for number in range(500):
        await log.note(replace(BAD_KEY, address=f"192.0.2.{number}"))
    await log.look()
    assert [entry.address for entry in sink.entries] == ["192.0.2.0", "192.0.2.1", "192.0.2.2", "", ""]
    assert sink.entries[-1].detail.endswith("and 496 more like it")


async def test_what_a_stranger_calls_a_tenant_is_kept_only_if_it_could_be_one(
    log: RefusalLog, sink: RecordingAuditSink
) -> None:
    await log.note(replace(BAD_KEY, asked_tenant="x" * 5000))
    await log.note(replace(BAD_KEY, asked_tenant="", address="192.0.2.9"))
    assert [entry.detail for entry in sink.entries] == [
        "radgate.v1.QueryService/SearchStudies for tenant ?: UNAUTHENTICATED",
        "radgate.v1.QueryService/SearchStudies: UNAUTHENTICATED",
    ]


async def test_who_is_refused_stays_refused_when_nothing_can_be_recorded(
    log: RefusalLog, sink: RecordingAuditSink, caplog: pytest.LogCaptureFixture
) -> None:
    sink.broken = True
    await log.note(BAD_KEY)
    assert sink.entries == []
    assert "could not be recorded" in caplog.text


async def test_an_interval_ends_by_itself_and_closing_writes_the_rest(sink: RecordingAuditSink) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            await ended.wait()

    ended = asyncio.Event()
    log = RefusalLog(sink, FakeClock(), sleep=sleep)
    await log.note(BAD_KEY)
    await log.note(BAD_KEY)
    log.start()
    while len(waits) < 2:
        await asyncio.sleep(0)
    assert len(sink.entries) == 2
    await log.note(BAD_KEY)
    await log.note(BAD_KEY)
    await log.close()
    assert len(sink.entries) == 4
    assert waits == [60, 60]


async def test_an_interval_whose_records_fail_is_not_the_last(
    sink: RecordingAuditSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    intervals, third = 0, asyncio.Event()

    async def sleep(_seconds: float) -> None:
        nonlocal intervals
        intervals += 1
        if intervals == 3:
            third.set()
            await asyncio.Event().wait()

    async def fail(_entry: object) -> None:
        raise ValueError("a defect")

    log = RefusalLog(sink, FakeClock(), sleep=sleep)
    await log.note(BAD_KEY)
    await log.note(BAD_KEY)
    monkeypatch.setattr(sink, "record", fail)
    log.start()
    async with asyncio.timeout(5):
        await third.wait()
    assert intervals == 3
    await log.close()
