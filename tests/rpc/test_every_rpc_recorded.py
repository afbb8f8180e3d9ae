"""What the table of methods says of the audit trail is so: each rpc is called, and the trail has what its row names."""

from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from itertools import chain

import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.message import Message

from radgate.dicomweb.v1 import dicomweb_service_pb2 as web
from radgate.v1 import admin_service_pb2 as admin
from radgate.v1 import audit_service_pb2 as audit
from radgate.v1 import job_service_pb2 as jobs
from radgate.v1 import prefetch_service_pb2 as prefetch
from radgate.v1 import retention_service_pb2 as retention
from radgate.v1 import retrieve_service_pb2 as retrieve
from radgate_server.core.access.tenancy import Role
from radgate_server.core.dicom.identifiers import RetrieveScope
from radgate_server.core.dicom.instances import MemoryContent
from radgate_server.core.quarantine.refused_instance import RefusedInstance
from radgate_server.rpc.access import authorization
from radgate_server.rpc.access.authorization import METHODS, Unrecorded
from radgate_server.rpc.pipeline import composition
from tests.fakes.instances import make_study
from tests.rpc.administrator import Administrator
from tests.rpc.calls import RPCS, invoke
from tests.rpc.dicomweb.test_stow import MULTIPART, multipart
from tests.rpc.matrix import OF_A_VIEW
from tests.rpc.named_requests import REQUESTS, Ids, path_of
from tests.rpc.rig import EAST_STUDY, Rig
from tests.rpc.test_recorded import CHANGES, DIMSE
from tests.rpc.test_report_schedules import WEEKLY
from tests.rpc.test_store import instance
from tests.rpc.test_transcode import sent

PROTECTED = [name for name, access in METHODS.items() if not access.is_public]
V1 = "radgate.v1."
WEB_STORE = web.StoreRequest(body=HttpBody(content_type=MULTIPART, data=multipart(*make_study(1, study=EAST_STUDY))))

MADE: Mapping[str, Callable[[Ids], Message | Iterable[Message]]] = {
    "RetrieveService/PrioritizeFrames": lambda _: retrieve.PrioritizeFramesRequest(
        view_id="none", prioritize=retrieve.StreamFramesPriority()
    ),
    "TranscodeService/TranscodeUpload": lambda _: sent(),
    "StoreService/StoreInstances": lambda _: instance(make_study(1, study=EAST_STUDY)[0]),
    "JobService/CreateJob": lambda _: jobs.CreateJobRequest(
        make_thumbnails=jobs.MakeThumbnailsJob(study_instance_uid=EAST_STUDY)
    ),
    "PrefetchService/PrefetchStudies": lambda _: prefetch.PrefetchStudiesRequest(study_instance_uids=[EAST_STUDY]),
    "PrefetchService/SetPrefetchRule": lambda _: RULE,
    "PrefetchService/DeletePrefetchRule": lambda _: prefetch.DeletePrefetchRuleRequest(name="priors"),
    "PrefetchService/ReplayPrefetchRule": lambda _: prefetch.ReplayPrefetchRuleRequest(rule=RULE.rule),
    "AuditService/MakeAuditReport": lambda _: audit.MakeAuditReportRequest(spec=WEEKLY.spec),
    "AuditService/RunReportSchedule": lambda _: audit.RunReportScheduleRequest(name="weekly"),
    "AuditService/CreateReportSchedule": lambda _: audit.CreateReportScheduleRequest(schedule=named("other")),
    "AuditService/UpdateReportSchedule": lambda _: audit.UpdateReportScheduleRequest(
        schedule=audit.ReportSchedule(name="weekly", day=6)
    ),
    "AuditService/DeleteReportSchedule": lambda _: audit.DeleteReportScheduleRequest(name="weekly"),
    "RetentionService/SetRetention": lambda _: retention.SetRetentionRequest(
        kind=retention.RECORD_KIND_ACCESS, days=3000
    ),
    "RetentionService/PlaceLegalHold": lambda _: HOLD,
    "RetentionService/EraseCachedData": lambda _: ERASE,
    "AdminService/TestPacs": lambda _: admin.TestPacsRequest(name="main"),
    "AdminService/DetectPacs": lambda _: admin.DetectPacsRequest(endpoint="pacs.example"),
}
"""Requests of those that name no thing, or make what they name; one message, or a stream of them."""

RULE = prefetch.SetPrefetchRuleRequest(rule=prefetch.PrefetchRule(name="priors"))
HOLD = retention.PlaceLegalHoldRequest(subject=retention.HOLD_SUBJECT_STUDY, value=EAST_STUDY, reason="case 7")
ERASE = retention.EraseCachedDataRequest(study_instance_uid=EAST_STUDY, reason="asked for")


def named(name: str) -> audit.ReportSchedule:
    """The weekly schedule under this name."""
    schedule = audit.ReportSchedule()
    schedule.CopyFrom(WEEKLY)
    schedule.name = name
    return schedule


class World:
    """An administrator for every tenant, who acts for east, where there is one of each thing."""

    def __init__(self, rig: Rig, channel: grpc.aio.Channel, token: str) -> None:
        self.rig, self.token = rig, token
        self._channel = channel
        self._admin = Administrator(channel, token, "east")

    async def request(self, name: str) -> list[bytes]:
        """The messages of a call, and before it what has to be there."""
        short = name.removeprefix(V1)
        if name == "radgate.dicomweb.v1.DicomWebService/StoreInstances":
            return _encoded(WEB_STORE)
        if short == "RetentionService/ReleaseLegalHold":
            held = retention.PlaceLegalHoldResponse.FromString(await self._ask("RetentionService/PlaceLegalHold", HOLD))
            return _encoded(retention.ReleaseLegalHoldRequest(hold_id=held.hold.hold_id, reason="over"))
        if short == "RetentionService/GetErasure":
            erased = retention.EraseCachedDataResponse.FromString(
                await self._ask("RetentionService/EraseCachedData", ERASE)
            )
            return _encoded(retention.GetErasureRequest(erasure_id=erased.erasure.erasure_id))
        if short == "PrefetchService/DeletePrefetchRule":
            await self._ask("PrefetchService/SetPrefetchRule", RULE)
        if short.startswith("AuditService/") and short.endswith("Schedule"):
            await self._ask(
                "AuditService/CreateReportSchedule", audit.CreateReportScheduleRequest(schedule=named("weekly"))
            )
        if short == "AdminService/FailbackPacs":
            await self._admin("CreatePacs", pacs={"name": "spare", "dimse": DIMSE, "backup_for": "main"})
            await self._admin("FailoverPacs", name="main")
        elif short.startswith("AdminService/") and short != "AdminService/TestPacs":  # which nobody could connect to
            await self._admin("CreatePacs", pacs={"name": "spare", "dimse": DIMSE, "backup_for": "main"})
        ids = await self._ids()
        if short in MADE:
            return _encoded(MADE[short](ids))
        method = short.partition("/")[2]
        if short.startswith("AdminService/") and CHANGES.get(method):
            return [getattr(admin, f"{method}Request")(**CHANGES[method]).SerializeToString()]
        return _encoded(REQUESTS[name](ids)) if name in REQUESTS else [b""]

    async def call(self, name: str, requests: Sequence[bytes]) -> None:
        """Call until the first answer, or the error: what is recorded is recorded before it."""
        method = RPCS[name]
        headers = {"authorization": f"Bearer {self.token}", "x-tenant-id": "east", "accept": "*/*"}
        headers["x-envoy-original-path"] = path_of(name, Ids(EAST_STUDY))
        streams = method.server_streaming
        kind = f"{'stream' if method.client_streaming else 'unary'}_{'stream' if streams else 'unary'}"
        asked = iter(requests) if method.client_streaming else requests[0]
        call = getattr(self._channel, kind)(f"/{name}")(asked, metadata=list(headers.items()), timeout=20)
        try:
            if not isinstance(call, AsyncIterable):
                await call
            elif name.endswith("/WatchStudies"):
                await call.initial_metadata()
                call.cancel()
            else:
                async for _ in call:
                    break
        except grpc.aio.AioRpcError:
            if name not in FAILING:
                raise

    async def _ask(self, rpc: str, request: Message) -> bytes:
        name = V1 + rpc
        (answer,) = await invoke(self._channel, name, request.SerializeToString(), token=self.token, x_tenant_id="east")
        return answer

    async def _ids(self) -> Ids:
        key = await self.rig.key("east")
        refused = RefusedInstance("east", "main", "INSTANCE_MALFORMED", RetrieveScope(EAST_STUDY))
        await self.rig.quarantine.store(refused, MemoryContent((b"bytes",)))
        (entry,) = await self.rig.quarantine.list_entries("east")
        job = jobs.CreateJobRequest(make_thumbnails=jobs.MakeThumbnailsJob(study_instance_uid=EAST_STUDY))
        created = jobs.CreateJobResponse.FromString(await self._ask("JobService/CreateJob", job))
        return Ids(EAST_STUDY, key.split("_")[1], "spare", created.job.job_id, entry.entry_id)


FAILING = OF_A_VIEW
"""Those that can't succeed by themselves."""


def _encoded(request: Message | Iterable[Message]) -> list[bytes]:
    requests = [request] if isinstance(request, Message) else request
    return [one.SerializeToString() for one in requests]


@pytest.fixture
async def world(rig: Rig, channel: grpc.aio.Channel) -> World:
    return World(rig, channel, await rig.key("*", role=Role.ADMIN))


@pytest.mark.parametrize("name", PROTECTED)
async def test_what_a_call_leaves_in_the_audit_trail_is_what_its_row_says(world: World, name: str) -> None:
    requests = await world.request(name)
    world.rig.audit.entries.clear()
    world.rig.audit.sent.clear()
    await world.call(name, requests)
    recorded = {entry.action for entry in chain(world.rig.audit.entries, world.rig.audit.sent)}
    expected = METHODS[name].audit
    if isinstance(expected, Unrecorded):
        assert recorded == set()
    else:
        assert expected is not None
        assert recorded & expected, recorded
        assert recorded <= expected | {"list"}, recorded


def test_a_method_whose_row_says_nothing_of_the_audit_trail_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    name, method = next(iter(RPCS.items()))
    monkeypatch.setitem(authorization.METHODS, name, METHODS[name]._replace(audit=None))
    with pytest.raises(ValueError, match=f"the row of {name} does not say"):
        composition._build_entry(method.containing_service, method, object(), (), None)  # type: ignore[arg-type]
