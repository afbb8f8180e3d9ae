"""Changing schedules of reports over a real server."""

from dataclasses import replace
from typing import Any

import grpc
import pytest

from radgate.v1 import audit_service_pb2 as messages
from radgate_server.core.access.tenancy import Role
from tests.rpc.calls import invoke, reason_of
from tests.rpc.rig import Rig

SERVICE = "radgate.v1.AuditService"
WEEKLY = messages.ReportSchedule(
    name="weekly",
    spec=messages.AuditReportSpec(
        kind=messages.AUDIT_REPORT_KIND_PATIENT_ACCESS, subject="P-1", format=messages.AUDIT_REPORT_FORMAT_PDF
    ),
    frequency=messages.REPORT_FREQUENCY_WEEKLY,
    day=5,
    time_of_day="06:30",
    receivers=["archive"],
)


async def update(
    channel: grpc.aio.Channel, token: str, changes: messages.ReportSchedule, *paths: str
) -> messages.ReportSchedule:
    changes.name = changes.name or "weekly"
    request = messages.UpdateReportScheduleRequest(schedule=changes, update_mask={"paths": paths})
    answer = await invoke(channel, f"{SERVICE}/UpdateReportSchedule", request.SerializeToString(), token=token)
    return messages.UpdateReportScheduleResponse.FromString(answer[0]).schedule


@pytest.fixture
async def weekly(rig: Rig, channel: grpc.aio.Channel) -> str:
    """The token of an admin who has made the schedule WEEKLY."""
    token = await rig.key("east", role=Role.ADMIN)
    request = messages.CreateReportScheduleRequest(schedule=WEEKLY).SerializeToString()
    await invoke(channel, f"{SERVICE}/CreateReportSchedule", request, token=token)
    return token


async def test_what_is_given_of_a_schedule_is_changed_and_the_rest_stays(
    rig: Rig, channel: grpc.aio.Channel, weekly: str
) -> None:
    spec = messages.AuditReportSpec(format=messages.AUDIT_REPORT_FORMAT_CSV)
    changed = await update(channel, weekly, messages.ReportSchedule(day=6, spec=spec, last_error="forged"))
    assert changed.next_run_time.ToJsonString() == "2026-01-03T06:30:00Z"
    expected = messages.ReportSchedule()
    expected.CopyFrom(WEEKLY)
    expected.day, expected.spec.format = 6, messages.AUDIT_REPORT_FORMAT_CSV
    changed.ClearField("next_run_time")
    assert changed == expected
    assert rig.audit.entries[-1].detail == "update report schedule weekly: spec, day"


async def test_a_mask_takes_over_what_is_empty_too(channel: grpc.aio.Channel, weekly: str) -> None:
    daily = messages.ReportSchedule(frequency=messages.REPORT_FREQUENCY_DAILY, time_of_day="07:00")
    changed = await update(channel, weekly, daily, "frequency", "day")
    assert (changed.frequency, changed.day, changed.time_of_day) == (messages.REPORT_FREQUENCY_DAILY, 1, "06:30")


async def test_a_run_that_is_tried_again_is_given_up_and_no_change_lets_it_be(
    rig: Rig, channel: grpc.aio.Channel, weekly: str
) -> None:
    key = ("east", "weekly")
    trying = replace(rig.schedules.kept[key], attempts=2, pending=("archive",), last_error="archive: full")
    rig.schedules.kept[key] = trying
    assert (await update(channel, weekly, messages.ReportSchedule(day=5))).attempts == 2
    assert rig.schedules.kept[key] == trying
    assert rig.audit.entries[-1].detail == "update report schedule weekly: nothing"
    await update(channel, weekly, messages.ReportSchedule(time_of_day="07:00"))
    kept = rig.schedules.kept[key]
    assert (kept.attempts, kept.pending, kept.last_error) == (0, None, "archive: full")


@pytest.mark.parametrize(
    ("changes", "paths", "reason"),
    [
        ({"name": "none", "day": 1}, (), "RESOURCE_NOT_FOUND"),
        ({"day": 8}, (), "INVALID_ARGUMENT"),
        ({"receivers": ["privacy"]}, (), "INVALID_ARGUMENT"),
        ({}, ("receivers",), "INVALID_ARGUMENT"),
        ({}, ("spec.subject",), "INVALID_ARGUMENT"),
        ({}, ("name",), "INVALID_ARGUMENT"),
        ({}, ("last_error",), "INVALID_ARGUMENT"),
        ({}, ("spec.colour",), "INVALID_ARGUMENT"),
    ],
)
async def test_a_change_that_makes_no_sense_changes_nothing(
    rig: Rig, channel: grpc.aio.Channel, weekly: str, changes: dict[str, Any], paths: tuple[str, ...], reason: str
) -> None:
    before = dict(rig.schedules.kept)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await update(channel, weekly, messages.ReportSchedule(**changes), *paths)
    assert reason_of(caught.value) == reason
    assert rig.schedules.kept == before


async def test_an_auditor_changes_no_schedule(rig: Rig, channel: grpc.aio.Channel, weekly: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await update(channel, await rig.key("east", role=Role.AUDITOR), messages.ReportSchedule(day=1))
    assert reason_of(caught.value) == "ROLE_NOT_ALLOWED"
