"""Health: what is asked, what is reported, and when the process counts as stuck."""

import asyncio
import logging

import pytest

from radgate_server.core.errors import DatabaseUnavailableError
from radgate_server.services.telemetry.readiness import STALE_S, Readiness
from tests.fakes.clock import FakeClock
from tests.fakes.telemetry import RecordingTelemetry


async def well() -> str:
    return ""


async def full() -> str:
    return "the disk is full"


async def away() -> str:
    raise DatabaseUnavailableError("the database can't be reached")


async def broken() -> str:
    raise ZeroDivisionError


async def test_is_ready_when_all_is_well() -> None:
    telemetry = RecordingTelemetry()
    readiness = Readiness({"database": well, "disk": well}, FakeClock(), telemetry)
    assert not readiness.health().ready
    await readiness.look()
    assert readiness.health().problems == {"server": "it is starting"}
    assert telemetry.checks == {}
    await readiness.open()
    health = readiness.health()
    assert (health.alive, health.ready) == (True, True)
    assert health.problems == {"database": "", "disk": ""}
    assert telemetry.checks == {"database": True, "disk": True}


async def test_reports_what_is_wrong(caplog: pytest.LogCaptureFixture) -> None:
    telemetry = RecordingTelemetry()
    readiness = Readiness({"database": away, "disk": full, "audit": well}, FakeClock(), telemetry)
    readiness.add("gateway", broken)
    await readiness.open()
    health = readiness.health()
    assert (health.alive, health.ready) == (True, False)
    assert health.problems == {
        "database": "the database can't be reached",
        "disk": "the disk is full",
        "audit": "",
        "gateway": "the check itself failed; the server's log says why",
    }
    assert telemetry.checks == {"database": False, "disk": False, "audit": True, "gateway": False}
    assert [record.levelno for record in caplog.records] == [logging.ERROR]  # the defect alone: it may be starting


async def test_reports_the_log_of_what_changes(caplog: pytest.LogCaptureFixture) -> None:
    said = ["", "it is full", "it is full", ""]

    async def disk() -> str:
        return said.pop(0)

    readiness = Readiness({"disk": disk}, FakeClock(), RecordingTelemetry())
    caplog.set_level(logging.INFO)
    await readiness.open()
    for _ in range(3):
        await readiness.look()
    reported = [(record.levelno, record.getMessage()) for record in caplog.records]
    assert reported == [(logging.WARNING, "health: it is full"), (logging.INFO, "health: well again")]


async def test_a_check_that_does_not_answer_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("radgate_server.services.telemetry.readiness.CHECK_S", 0.0)
    silent = asyncio.Event()

    async def wait() -> str:
        await silent.wait()
        return ""

    readiness = Readiness({"gateway": wait}, FakeClock(), RecordingTelemetry())
    await readiness.open()
    assert readiness.health().problems == {"gateway": "no answer within 0 seconds"}


async def test_is_not_alive_when_nobody_looks_any_more() -> None:
    clock = FakeClock()
    readiness = Readiness({"database": well}, clock, RecordingTelemetry())
    await readiness.open()
    assert readiness.health().ready
    clock.advance(STALE_S)
    health = readiness.health()
    assert (health.alive, health.ready) == (False, False)


async def test_is_not_ready_once_it_stops_but_alive() -> None:
    turns: list[float] = []
    slept = asyncio.Event()

    async def sleep(seconds: float) -> None:
        turns.append(seconds)
        slept.set()
        await asyncio.Event().wait()

    readiness = Readiness({"database": well}, FakeClock(), RecordingTelemetry(), sleep=sleep)
    readiness.start()
    await slept.wait()
    await readiness.open()
    readiness.stop()
    await readiness.look()
    health = readiness.health()
    assert (health.alive, health.ready, health.problems) == (True, False, {"server": "it is stopping"})
    await readiness.close()
    assert len(turns) == 1
