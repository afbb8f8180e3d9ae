"""AuditService over a real server: what it finds, and what reading leaves behind in the trail."""

import json

import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody

from radgate.v1 import audit_service_pb2 as messages
from radgate_server.core.access.tenancy import Role
from radgate_server.core.audit.ports.records import Found
from radgate_server.core.audit.record import AuditAction
from radgate_server.core.errors import DatabaseUnavailableError
from radgate_server.rpc.dicomweb.answers.http_body import BREAK_OFF
from tests.conformance.database_suites import audit_entry
from tests.fakes.audit_records import MemoryAuditRecords
from tests.fakes.clock import START
from tests.rpc.calls import invoke, reason_of
from tests.rpc.rig import Rig

SERVICE = "radgate.v1.AuditService"


async def remember(rig: Rig, count: int, **fields: str | bool) -> None:
    for number in range(count):
        entry = audit_entry(number)._replace(tenant_id="east", time=START, **fields)  # type: ignore[arg-type]
        await rig.audit.record(entry)


async def search(rig: Rig, channel: grpc.aio.Channel, **fields: object) -> messages.SearchAuditRecordsResponse:
    request = messages.SearchAuditRecordsRequest(**fields)
    answer = await invoke(
        channel,
        f"{SERVICE}/SearchAuditRecords",
        request.SerializeToString(),
        token=await rig.key("east", role=Role.AUDITOR),
    )
    return messages.SearchAuditRecordsResponse.FromString(answer[0])


async def test_pages_hold_each_record_once_and_say_up_to_where(rig: Rig, channel: grpc.aio.Channel) -> None:
    await remember(rig, 120, patient_id="P-7")
    await remember(rig, 5)
    found, token = [], ""
    while True:
        page = await search(rig, channel, patient_id="P-7", page_size=50, page_token=token)
        # Whoever searches for a patient has read about the patient, which is found too.
        found += [record.request_id for record in page.records if record.action != messages.AUDIT_ACTION_READ_AUDIT]
        token = page.next_page_token
        if not token:
            break
    assert found == [f"request-{number}" for number in reversed(range(120))]
    assert page.position.complete_up_to == page.position.newest == len(rig.audit.entries)


async def test_reading_is_recorded_with_whom_it_was_about(rig: Rig, channel: grpc.aio.Channel) -> None:
    await search(rig, channel, patient_id="P-7", user="jane", study_instance_uid="1.2.3")
    entry = rig.audit.entries[-1]
    assert (entry.action, entry.patient_id, entry.study_instance_uid, entry.detail, entry.role) == (
        AuditAction.READ_AUDIT,
        "P-7",
        "1.2.3",
        "search, user jane",
        "auditor",
    )


async def test_nothing_is_found_when_the_search_can_not_be_recorded(rig: Rig, channel: grpc.aio.Channel) -> None:
    await remember(rig, 3)
    rig.audit.broken = True
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await search(rig, channel)
    assert reason_of(caught.value) == "AUDIT_UNAVAILABLE"


@pytest.mark.parametrize(
    "fields",
    [
        {"page_size": -1},
        {"page_token": "x"},
        {"actions": [99]},
        {"outcome": 99},
        {"actions": [messages.AUDIT_ACTION_UNSPECIFIED]},
        {"study_instance_uid": "1.x"},
        {"user": "x" * 1001},
        {"sop_instance_uid": "1.2"},
    ],
)
async def test_what_can_not_be_searched_for_is_refused(
    rig: Rig, channel: grpc.aio.Channel, fields: dict[str, object]
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await search(rig, channel, **fields)
    assert reason_of(caught.value) == "INVALID_ARGUMENT"


async def test_another_tenants_records_are_not_there(rig: Rig, channel: grpc.aio.Channel) -> None:
    await remember(rig, 3)
    answer = await invoke(channel, f"{SERVICE}/SearchAuditRecords", token=await rig.key("west", role=Role.ADMIN))
    records = messages.SearchAuditRecordsResponse.FromString(answer[0]).records
    assert [record.action for record in records] == [messages.AUDIT_ACTION_READ_AUDIT]


async def test_an_answer_says_when_the_index_disagrees_with_the_trail(rig: Rig, channel: grpc.aio.Channel) -> None:
    await remember(rig, 3)
    assert not (await search(rig, channel)).position.problem
    rig.audit_records.wrong = "the index has 2 entries and should have 3"
    assert (await search(rig, channel)).position.problem == rig.audit_records.wrong


async def test_accesses_by_break_glass_are_found_with_their_reason(rig: Rig, channel: grpc.aio.Channel) -> None:
    await remember(rig, 3, detail="frames 1; break-glass: in no field")
    await remember(rig, 1, break_glass="no other doctor is here", same_family_name=True)
    (found,) = (await search(rig, channel, break_glass=True)).records
    assert (found.break_glass, found.same_family_name) == ("no other doctor is here", True)


async def test_verification_ends_with_its_verdict(rig: Rig, channel: grpc.aio.Channel) -> None:
    answers = await invoke(channel, f"{SERVICE}/VerifyAuditTrail", token=await rig.key("east", role=Role.AUDITOR))
    last = messages.VerifyAuditTrailResponse.FromString(answers[-1])
    assert last.HasField("verdict")
    assert not last.verdict.HasField("fault")
    assert last.verdict.not_excluded.startswith("No checkpoint that was kept outside was given")
    assert rig.audit.entries[-1].detail == "verify"


async def report(rig: Rig, channel: grpc.aio.Channel, token: str, **spec: object) -> tuple[str, bytes]:
    request = messages.MakeAuditReportRequest(spec=messages.AuditReportSpec(**spec))
    pieces = await invoke(channel, f"{SERVICE}/MakeAuditReport", request.SerializeToString(), token=token)
    bodies = [HttpBody.FromString(piece) for piece in pieces]
    assert [body.content_type for body in bodies[1:]] in ([""] * (len(bodies) - 1), [])
    return bodies[0].content_type, b"".join(body.data for body in bodies)


async def test_reports_come_in_the_form_that_was_asked_for(rig: Rig, channel: grpc.aio.Channel) -> None:
    await remember(rig, 3, patient_id="P-7")
    token = await rig.key("east", role=Role.AUDITOR)
    kind = messages.AUDIT_REPORT_KIND_PATIENT_ACCESS
    content_type, document = await report(rig, channel, token, kind=kind, subject="P-7")
    assert content_type == "application/json"
    reported = json.loads(document)
    assert [row["action"] for row in reported["rows"]] == ["retrieve-frames"] * 3 + ["read-audit"]
    content_type, document = await report(
        rig, channel, token, kind=kind, subject="P-7", format=messages.AUDIT_REPORT_FORMAT_CSV
    )
    assert content_type == "text/csv; charset=utf-8"
    assert document.count(b"\r\n") == 6
    content_type, document = await report(
        rig, channel, token, kind=kind, subject="P-7", format=messages.AUDIT_REPORT_FORMAT_PDF
    )
    assert (content_type, document[:5]) == ("application/pdf", b"%PDF-")
    assert [entry.detail for entry in rig.audit.entries[-3:]] == ["report patient-access"] * 3


@pytest.mark.parametrize("path", ["", "/api/v1/audit:report"])
async def test_a_report_that_fails_in_transit_ends_as_a_broken_one(
    rig: Rig, channel: grpc.aio.Channel, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    async def fail(*_args: object, **_criteria: object) -> Found:
        raise DatabaseUnavailableError("the database can't be reached")

    monkeypatch.setattr(MemoryAuditRecords, "find", fail)
    spec = messages.AuditReportSpec(kind=messages.AUDIT_REPORT_KIND_STUDY_ACCESS, subject="1.2.3")
    request = messages.MakeAuditReportRequest(spec=spec).SerializeToString()
    token = await rig.key("east", role=Role.AUDITOR)
    metadata = [("authorization", f"Bearer {token}"), ("x-envoy-original-path", path)]
    call = channel.unary_stream(f"/{SERVICE}/MakeAuditReport")(request, metadata=metadata, timeout=30)
    pieces = [await call.read() for _ in range(2 if path else 1)]
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call.read()
    assert reason_of(caught.value) == "DATABASE_UNAVAILABLE"
    assert HttpBody.FromString(pieces[0]).data.startswith(b'{"report": ')
    assert pieces[1:] == ([BREAK_OFF] if path else [])


async def test_a_schedule_lives(rig: Rig, channel: grpc.aio.Channel) -> None:
    token = await rig.key("east", role=Role.ADMIN)
    schedule = messages.ReportSchedule(
        name="weekly",
        spec=messages.AuditReportSpec(
            kind=messages.AUDIT_REPORT_KIND_UNUSUAL_ACCESS,
            format=messages.AUDIT_REPORT_FORMAT_PDF,
            time_zone="Europe/Berlin",
        ),
        frequency=messages.REPORT_FREQUENCY_WEEKLY,
        day=1,
        time_of_day="06:30",
        receivers=["archive"],
    )
    request = messages.CreateReportScheduleRequest(schedule=schedule).SerializeToString()
    answer = await invoke(channel, f"{SERVICE}/CreateReportSchedule", request, token=token)
    made = messages.CreateReportScheduleResponse.FromString(answer[0]).schedule
    assert made.next_run_time.ToJsonString() == "2026-01-05T05:30:00Z"
    assert rig.audit.entries[-1].detail == "create report schedule weekly"
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await invoke(channel, f"{SERVICE}/CreateReportSchedule", request, token=token)
    assert reason_of(caught.value) == "RESOURCE_EXISTS"
    answer = await invoke(channel, f"{SERVICE}/ListReportSchedules", token=await rig.key("east", role=Role.AUDITOR))
    assert list(messages.ListReportSchedulesResponse.FromString(answer[0]).schedules) == [made]
    run = messages.RunReportScheduleRequest(name="weekly").SerializeToString()
    answer = await invoke(channel, f"{SERVICE}/RunReportSchedule", run, token=token)
    started = messages.RunReportScheduleResponse.FromString(answer[0]).schedule
    assert started.next_run_time.ToJsonString() == "2026-01-01T00:00:00Z"
    delete = messages.DeleteReportScheduleRequest(name="weekly").SerializeToString()
    await invoke(channel, f"{SERVICE}/DeleteReportSchedule", delete, token=token)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await invoke(channel, f"{SERVICE}/DeleteReportSchedule", delete, token=token)
    assert reason_of(caught.value) == "RESOURCE_NOT_FOUND"


async def test_a_tenant_can_not_send_to_anothers_receiver(rig: Rig, channel: grpc.aio.Channel) -> None:
    schedule = messages.ReportSchedule(
        name="x",
        spec=messages.AuditReportSpec(kind=messages.AUDIT_REPORT_KIND_UNUSUAL_ACCESS),
        frequency=messages.REPORT_FREQUENCY_DAILY,
        time_of_day="06:30",
        receivers=["archive"],
    )
    request = messages.CreateReportScheduleRequest(schedule=schedule).SerializeToString()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await invoke(channel, f"{SERVICE}/CreateReportSchedule", request, token=await rig.key("west", role=Role.ADMIN))
    assert reason_of(caught.value) == "INVALID_ARGUMENT"
    assert rig.schedules.kept == {}


async def test_an_emergency_is_recorded_with_what_is_accessed(rig: Rig, channel: grpc.aio.Channel) -> None:
    name, token = "radgate.v1.QueryService/SearchStudies", await rig.key("east")
    await invoke(channel, name, token=token, x_break_glass="x" * 300)
    assert all(entry.break_glass == "x" * 200 for entry in rig.audit.entries)
    await invoke(channel, name, token=token)
    listed, asked = rig.audit.entries[2:]
    assert (listed.action, asked.action) == ("list", "query")
    assert listed.break_glass == asked.break_glass == ""
