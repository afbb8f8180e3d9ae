"""Lists come page by page, whatever they list."""

import asyncio
from collections.abc import Awaitable, Callable

import grpc
import pytest
from google.protobuf.message import Message

import radgate
import radgate.aio
import radgate.paging
from radgate.v1 import admin_service_pb2 as admin
from radgate.v1 import audit_service_pb2 as audit
from radgate.v1 import job_service_pb2 as jobs
from radgate.v1 import retention_service_pb2 as retention
from radgate_server.core.access.tenancy import Role
from radgate_server.core.audit.checkpoint import Checkpoint
from tests.fakes.retention import RecordedTrail
from tests.rpc.calls import invoke, reason_of
from tests.rpc.rig import EAST_STUDY, Rig

V1 = "radgate.v1."
SCHEDULE = audit.ReportSchedule(
    spec=audit.AuditReportSpec(kind=audit.AUDIT_REPORT_KIND_PATIENT_ACCESS, subject="P-1"),
    frequency=audit.REPORT_FREQUENCY_DAILY,
    time_of_day="06:30",
    receivers=["archive"],
)


def pacs(name: str, backup_for: str = "") -> Message:
    setup = admin.Pacs(name=name, folder={"path": f"/{name}"}, backup_for=backup_for)
    return admin.CreatePacsRequest(pacs=setup, skip_validation=True)


def schedule(name: str) -> Message:
    made = audit.ReportSchedule(name=name)
    made.MergeFrom(SCHEDULE)
    return audit.CreateReportScheduleRequest(schedule=made)


THREE = range(3)
LISTS: dict[str, tuple[Message, str, str, list[Message]]] = {
    "AdminService/ListTenants": (
        admin.ListTenantsRequest(),
        "tenants",
        "AdminService/CreateTenant",
        [admin.CreateTenantRequest(tenant_id=f"t{n}") for n in THREE],
    ),
    "AdminService/ListApiKeys": (
        admin.ListApiKeysRequest(),
        "api_keys",
        "AdminService/CreateApiKey",
        [admin.CreateApiKeyRequest(role=admin.ROLE_VIEWER, label=str(n)) for n in THREE],
    ),
    "AdminService/ListPacs": (
        admin.ListPacsRequest(),
        "pacs",
        "AdminService/CreatePacs",
        [pacs(f"p{n}", "main") for n in THREE],
    ),
    "AuditService/ListReportSchedules": (
        audit.ListReportSchedulesRequest(),
        "schedules",
        "AuditService/CreateReportSchedule",
        [schedule(f"s{n}") for n in THREE],
    ),
    "JobService/ListJobs": (
        jobs.ListJobsRequest(),
        "jobs",
        "JobService/CreateJob",
        [jobs.CreateJobRequest(make_thumbnails={"study_instance_uid": EAST_STUDY}, request_id=str(n)) for n in THREE],
    ),
    "RetentionService/ListLegalHolds": (
        retention.ListLegalHoldsRequest(include_released=True),
        "holds",
        "RetentionService/PlaceLegalHold",
        [retention.PlaceLegalHoldRequest(subject=3, value=f"1.{n}", reason="case") for n in THREE],
    ),
    "RetentionService/ListErasures": (
        retention.ListErasuresRequest(),
        "erasures",
        "RetentionService/EraseCachedData",
        [retention.EraseCachedDataRequest(study_instance_uid=f"1.{n}", reason="case") for n in THREE],
    ),
}

type Ask = Callable[[str, Message], Awaitable[bytes]]


@pytest.fixture
async def ask(rig: Rig, channel: grpc.aio.Channel) -> Ask:
    """Calls an rpc for the tenant east with a key for every tenant."""
    token = await rig.key("*", role=Role.ADMIN)

    async def call(rpc: str, request: Message) -> bytes:
        (answer,) = await invoke(channel, V1 + rpc, request.SerializeToString(), token=token, x_tenant_id="east")
        return answer

    return call


async def listed(ask: Ask, rpc: str, request: Message, field: str, sizes: list[int]) -> list[Message]:
    """All items, in pages of the sizes, of which the last is that of all others; none is empty."""
    response = type(request).DESCRIPTOR.file.message_types_by_name[f"{rpc.partition('/')[2]}Response"]
    found: list[Message] = []
    asked = type(request)()
    asked.CopyFrom(request)
    while True:
        size = sizes.pop(0) if len(sizes) > 1 else sizes[0]
        asked.page_size = size  # type: ignore[attr-defined]
        answer = response._concrete_class.FromString(await ask(rpc, asked))
        items = list(getattr(answer, field))
        assert 0 < len(items) <= (size or 100)
        found += items
        if not answer.next_page_token:
            return found
        assert len(items) == size
        asked.page_token = answer.next_page_token  # type: ignore[attr-defined]


@pytest.mark.parametrize("rpc", LISTS)
async def test_the_pages_of_a_list_are_the_list(ask: Ask, rpc: str) -> None:
    request, field, create, made = LISTS[rpc]
    for each in made:
        await ask(create, each)
    whole = await listed(ask, rpc, request, field, [0])
    assert len(whole) >= 3
    for sizes in ([1, 2], [len(whole)], [1_000_000]):
        assert names(await listed(ask, rpc, request, field, sizes)) == names(whole)


def names(items: list[Message]) -> list[object]:
    """What the items are known by: jobs change meanwhile."""
    return [getattr(item, item.DESCRIPTOR.fields[0].name) for item in items]


async def test_the_pages_of_the_history_are_the_history(ask: Ask) -> None:
    await ask("AdminService/CreatePacs", pacs("near", "main"))
    for _ in range(2):
        await ask("AdminService/FailoverPacs", admin.FailoverPacsRequest(name="main"))
        await ask("AdminService/FailbackPacs", admin.FailbackPacsRequest(name="main"))
    request = admin.ListPacsTransitionsRequest(name="near")
    whole = await listed(ask, "AdminService/ListPacsTransitions", request, "transitions", [0])
    assert [each.to_pacs for each in whole] == ["main", "near"] * 2  # type: ignore[attr-defined]
    assert await listed(ask, "AdminService/ListPacsTransitions", request, "transitions", [3]) == whole


async def test_the_pages_of_checkpoints_are_the_checkpoints(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [Checkpoint("east", number, bytes(32), number, bytes(32), "key") for number in (1, 2, 3)]
    monkeypatch.setattr(RecordedTrail, "checkpoints", lambda *_: asyncio.sleep(0, made))
    request = audit.ListAuditCheckpointsRequest()
    whole = await listed(ask, "AuditService/ListAuditCheckpoints", request, "checkpoints", [2])
    assert [each.sequence for each in whole] == [1, 2, 3]  # type: ignore[attr-defined]


@pytest.mark.parametrize("fields", [{"page_size": -1}, {"page_token": "x"}, {"page_token": "_" * 24}])
async def test_a_page_that_is_none_is_refused(ask: Ask, fields: dict[str, int | str]) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ask("AdminService/ListTenants", admin.ListTenantsRequest(**fields))  # type: ignore[arg-type]
    assert reason_of(caught.value) == "INVALID_ARGUMENT"


async def test_the_sdk_walks_through_the_pages(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(radgate.paging, "_PAGE_SIZE", 2)
    token = await rig.key("east", role=Role.ADMIN)

    def use() -> int:
        with radgate.Client(rig.target, token) as client:
            for name in "abc":
                client.jobs.make_thumbnails(EAST_STUDY, request_id=name)
                client.audit.create_schedule(name, "patient-access", "P-1", every="daily", receivers=["archive"])
            return len(client.audit.schedules())

    assert await asyncio.to_thread(use) == 3
    async with radgate.aio.Client(rig.target, token) as client:
        assert len({job.job_id for job in await client.jobs.list()}) == 3
        assert [each.name for each in await client.audit.schedules()] == ["a", "b", "c"]
