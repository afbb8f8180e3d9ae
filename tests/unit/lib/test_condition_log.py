"""A condition is logged when it changes, not each time that it is met."""

import logging

import pytest

from radgate_server.lib.condition_log import ConditionLog
from tests.fakes.clock import FakeClock

log = logging.getLogger("radgate_server.example")


def reported(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_an_outage_is_one_line_at_its_beginning_and_one_at_its_end(caplog: pytest.LogCaptureFixture) -> None:
    condition = ConditionLog(log, "the database fails")
    condition.succeeded()
    for _ in range(1000):
        condition.failed("connection refused", tenant="north")
    condition.succeeded()
    condition.succeeded()
    condition.failed("connection refused")
    assert reported(caplog) == [
        "the database fails: connection refused",
        "recovered: the database fails",
        "the database fails: connection refused",
    ]
    assert caplog.records[0].__dict__["tenant"] == "north"


def test_another_reason_is_another_line_and_reasons_without_end_are_not(caplog: pytest.LogCaptureFixture) -> None:
    condition = ConditionLog(log, "it fails")
    for number in range(1000):
        condition.failed("a")
        condition.failed("b")
        condition.failed(f"number {number}")
    assert reported(caplog)[:2] == ["it fails: a", "it fails: b"]
    assert len(reported(caplog)) == 20


def test_failures_between_successes_are_one_outage(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    condition = ConditionLog(log, "it fails", settle_s=5, monotonic_s=clock.monotonic_s)
    for _ in range(10):
        condition.failed("a")
        condition.succeeded()
        clock.advance(1)
    clock.advance(4)
    condition.succeeded()
    assert reported(caplog) == ["it fails: a", "recovered: it fails"]
