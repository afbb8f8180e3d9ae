"""What stands in the audit trail of calls: who, what, how much; and that nothing is changed without a record."""

import re
from typing import Any
from urllib.parse import unquote

import grpc
import pytest

from radgate.v1 import admin_service_pb2, job_service_pb2, query_service_pb2, retrieve_service_pb2
from radgate_server.core.access.tenancy import Role
from radgate_server.core.audit.record import AuditAction, AuditOutcome
from radgate_server.rpc.access.authorization import METHODS
from tests.rpc.administrator import Administrator
from tests.rpc.calls import RPCS, invoke, reason_of
from tests.rpc.dicomweb.web import Web
from tests.rpc.rig import EAST_STUDY, Rig

ADMIN, JOBS = "radgate.v1.AdminService/", "radgate.v1.JobService/"
READS = {
    *(f"{ADMIN}{name}" for name in ("ListTenants", "ListApiKeys", "GetPacs", "ListPacs", "TestPacs")),
    *(f"{ADMIN}{name}" for name in ("ListPacsTransitions", "GetCacheStats", "GetLimits")),
    *(f"{JOBS}{name}" for name in ("GetJob", "ListJobs", "WatchJob")),
}
"""What changes nothing and shows nothing of patients."""

DIMSE = {"host": "pacs.example", "port": 104, "called_aet": "PACS", "calling_aet": "RADGATE"}
CHANGES: dict[str, dict[str, Any]] = {
    "CreateTenant": {"tenant_id": "north"},
    "UpdateTenant": {"tenant": {"tenant_id": "east", "hide_rejected": True}},
    "DeleteTenant": {"tenant_id": "west"},
    "CreateApiKey": {"role": admin_service_pb2.ROLE_VIEWER},
    "RevokeApiKey": {},
    "RotateApiKey": {},
    "CreatePacs": {"pacs": {"name": "new", "dimse": DIMSE}},
    "UpdatePacs": {"pacs": {"name": "main", "failover": {"threshold": 9}}},
    "DeletePacs": {"name": "spare"},
    "ValidatePacs": {"name": "main"},
    "DetectPacs": {"endpoint": "pacs.example"},
    "FailoverPacs": {"name": "main"},
    "FailbackPacs": {"name": "main"},
    "InvalidateCache": {},
    "UpdateLimits": {"limits": {"requests_per_second": 5}},
}
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
async def web(rig: Rig, channel: grpc.aio.Channel) -> Web:
    return Web(channel, await rig.key("east"))


def test_every_administrative_rpc_is_known_to_change_something_or_not() -> None:
    of_both = {name for name in RPCS if name.startswith((ADMIN, JOBS))}
    of_jobs = {f"{JOBS}{name}Job" for name in ("Create", "Cancel", "Pause", "Resume")}
    assert of_both == READS | {f"{ADMIN}{name}" for name in CHANGES} | of_jobs


async def prepared(rig: Rig, channel: grpc.aio.Channel, rpc: str) -> bytes:
    """The request, with what it needs to be there."""
    admin = Administrator(channel, await rig.key("*", role=Role.ADMIN), "east")
    await admin("CreatePacs", pacs={"name": "spare", "dimse": DIMSE, "backup_for": "main"})
    fields = CHANGES[rpc]
    if rpc in ("RevokeApiKey", "RotateApiKey"):
        created = await admin("CreateApiKey", role=admin_service_pb2.ROLE_VIEWER)
        fields = {"key_id": created.api_key.key_id}
    if rpc == "FailbackPacs":
        await admin("FailoverPacs", name="main")
    rig.audit.entries.clear()
    encoded: bytes = getattr(admin_service_pb2, f"{rpc}Request")(**fields).SerializeToString()
    return encoded


@pytest.mark.parametrize("rpc", CHANGES)
async def test_every_change_is_recorded_with_who_and_from_where(rig: Rig, channel: grpc.aio.Channel, rpc: str) -> None:
    request = await prepared(rig, channel, rpc)
    headers = {"x_tenant_id": "east", "x_request_id": "one", "traceparent": f"00-{TRACE}-00f067aa0ba902b7-00"}
    await invoke(channel, f"{ADMIN}{rpc}", request, token=await rig.key("*", role=Role.ADMIN), **headers)
    (entry,) = rig.audit.entries
    assert (entry.action, entry.outcome, entry.tenant_id) == (AuditAction.CONFIGURE, AuditOutcome.GRANTED, "east")
    assert (entry.role, entry.address, entry.request_id, entry.trace_id) == ("admin", "127.0.0.1", "one", TRACE)
    assert entry.user_agent.startswith("grpc-python")
    assert entry.key_id
    assert entry.detail
    assert entry.pacs == {"CreatePacs": "new", "DeletePacs": "spare"}.get(
        rpc, "main" if "main" in str(CHANGES[rpc]) else ""
    )


@pytest.mark.parametrize("rpc", CHANGES)
async def test_nothing_is_changed_that_can_not_be_recorded(rig: Rig, channel: grpc.aio.Channel, rpc: str) -> None:
    request = await prepared(rig, channel, rpc)
    rig.audit.broken = True
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await invoke(channel, f"{ADMIN}{rpc}", request, token=await rig.key("*", role=Role.ADMIN), x_tenant_id="east")
    assert reason_of(caught.value) == "AUDIT_UNAVAILABLE"


@pytest.mark.parametrize("verb", ["Cancel", "Pause", "Resume"])
async def test_who_cancels_or_pauses_a_job_is_recorded(rig: Rig, channel: grpc.aio.Channel, verb: str) -> None:
    request = job_service_pb2.CancelJobRequest(job_id="none").SerializeToString()
    with pytest.raises(grpc.aio.AioRpcError):
        await invoke(channel, f"{JOBS}{verb}Job", request, token=await rig.key("east", role=Role.OPERATOR))
    recorded = [(entry.action, entry.detail) for entry in rig.audit.entries]
    assert recorded == [(AuditAction.CONFIGURE, f"{verb.lower()} job none")]


async def test_a_stream_is_recorded_before_and_what_it_sent_after(rig: Rig, channel: grpc.aio.Channel) -> None:
    request = retrieve_service_pb2.RetrieveInstancesRequest(study_instance_uid=EAST_STUDY).SerializeToString()
    name = "radgate.v1.RetrieveService/RetrieveInstances"
    assert name in METHODS
    pieces = await invoke(channel, name, request, token=await rig.key("east"))
    (before,), (after,) = rig.audit.entries, rig.audit.sent
    assert (before.outcome, before.size_bytes, before.detail) == (AuditOutcome.GRANTED, None, "")
    assert (after.outcome, after.detail) == (AuditOutcome.DELIVERED, "6 instances")
    assert after.size_bytes == sum(map(len, pieces))
    assert (before.pacs, after.pacs, after.patient_id) == ("main", "main", "P-1")
    assert after.request_id == before.request_id


async def test_a_stream_that_breaks_off_is_recorded_as_such(rig: Rig, web: Web) -> None:
    rig.east.abort_after = 2
    answer = await web.get(f"/studies/{EAST_STUDY}", "multipart/related; type=application/dicom; transfer-syntax=*")
    assert answer.error
    (after,) = rig.audit.sent
    assert (after.outcome, after.action) == (AuditOutcome.INTERRUPTED, AuditAction.RETRIEVE)
    assert 0 < len(answer.body) < (after.size_bytes or 0)


FRAME = f"/studies/{EAST_STUDY}/series/{EAST_STUDY}.1/instances/{EAST_STUDY}.1.1/frames/1"
OCTETS = "multipart/related; type=application/octet-stream; transfer-syntax=*"


@pytest.mark.parametrize(
    ("claims", "is_same"),
    [
        ({"family_name": "MUELLER"}, True),
        ({"name": "Müller, Eva"}, True),
        ({"family_name": "Miller", "name": "Eva Müller"}, False),
        ({}, False),
    ],
)
async def test_it_is_recorded_when_the_patient_has_the_users_family_name(
    rig: Rig, channel: grpc.aio.Channel, claims: dict[str, str], is_same: bool
) -> None:
    web = Web(channel, rig.tokens.issue(tenant="east", role="viewer", **claims))
    for _ in range(2):  # from the PACS, and from what is kept
        assert (await web.get(FRAME, OCTETS)).body
    assert [(entry.detail, entry.same_family_name) for entry in rig.audit.entries] == [("1", is_same)] * 2
    assert not any("ller" in str(entry).lower() for entry in rig.audit.entries)


@pytest.mark.parametrize(
    ("key", "is_same"),
    [
        ("PatientName=M%C3%BCller*", True),
        ("00100010=MUELLER%5EEVA", True),
        ("PatientName=M*", False),
        ("PatientID=P-1", False),
    ],
)
async def test_it_is_recorded_when_patients_of_the_users_family_name_are_searched_for(
    rig: Rig, channel: grpc.aio.Channel, key: str, is_same: bool
) -> None:
    token = rig.tokens.issue(tenant="east", role="viewer", family_name="Müller")
    await Web(channel, token).get(f"/studies?{key}")
    name, _, value = unquote(key).partition("=")
    request = query_service_pb2.SearchStudiesRequest(keys=[{"attribute": name, "value": value}])
    await invoke(channel, "radgate.v1.QueryService/SearchStudies", request.SerializeToString(), token=token)
    queries = [entry for entry in rig.audit.entries if entry.action == AuditAction.QUERY]
    assert [re.sub("; list [0-9a-f]{16}", "", entry.detail) for entry in queries] == ["STUDY"] * 2
    assert [entry.same_family_name for entry in queries] == [is_same] * 2
    assert not any(entry.same_family_name for entry in rig.audit.entries if entry.action == AuditAction.LIST)


async def test_what_the_server_learns_on_the_way_marks_the_second_record_and_each_after_it(
    rig: Rig, channel: grpc.aio.Channel
) -> None:
    request = retrieve_service_pb2.RetrieveInstancesRequest(study_instance_uid=EAST_STUDY).SerializeToString()
    token = rig.tokens.issue(tenant="east", role="viewer", family_name="Müller")
    for _ in range(2):
        await invoke(
            channel, "radgate.v1.RetrieveService/RetrieveInstances", request, token=token, x_break_glass="dark"
        )
    assert [entry.same_family_name for entry in rig.audit.entries] == [False, True]
    assert [(entry.detail, entry.same_family_name) for entry in rig.audit.sent] == [("6 instances", True)] * 2
    assert {entry.break_glass for entry in (*rig.audit.entries, *rig.audit.sent)} == {"dark"}


async def test_what_is_whole_in_memory_is_recorded_once_with_its_size(rig: Rig, web: Web) -> None:
    sizes = []
    for _ in range(2):
        answer = await web.get(FRAME, OCTETS)
        sizes.append(len(answer.body))
    assert rig.audit.sent == []
    assert [entry.patient_id for entry in rig.audit.entries] == ["P-1", "P-1"]
    for size_bytes, entry in zip(sizes, rig.audit.entries, strict=True):
        assert size_bytes <= (entry.size_bytes or 0) < size_bytes + 300
