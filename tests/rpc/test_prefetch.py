"""PrefetchService on a real gRPC server: studies are fetched by a job that nobody waits for."""

from collections.abc import AsyncIterator

import grpc
import pytest

import radgate
from radgate.v1 import job_service_pb2 as jobs
from radgate.v1 import prefetch_service_pb2 as messages
from radgate.v1.error_reason_pb2 import ERROR_REASON_INSTANCE_NOT_SENT, ERROR_REASON_UNSPECIFIED
from radgate.v1.retention_service_pb2 import EraseCachedDataRequest
from radgate_server.core.access.tenancy import Role
from radgate_server.core.errors import PacsUnreachableError
from radgate_server.core.jobs.job import RETRY_DELAYS_S
from tests.fakes.instances import make_study
from tests.fakes.rejection_notes import PATIENT_SAFETY, make_note
from tests.rpc.administrator import Administrator
from tests.rpc.calls import error_info_of, invoke
from tests.rpc.dicomweb.web import Web
from tests.rpc.rig import EAST_FILES, EAST_STUDY, WEST_STUDY, Rig

SECOND, NOWHERE = "2.25.1001", "2.25.9999"
SECOND_FILES = make_study(4, study=SECOND)
BYTES = sum(map(len, EAST_FILES)) + sum(map(len, SECOND_FILES))


@pytest.fixture
async def client(rig: Rig) -> AsyncIterator[radgate.aio.Client]:
    rig.east.add(*SECOND_FILES)
    async with radgate.aio.Client(rig.target, await rig.key("east", role=Role.OPERATOR)) as client:
        yield client


async def ended(client: radgate.aio.Client, job: jobs.Job) -> jobs.Job:
    steps = [step async for step in client.jobs.watch(job.job_id)]
    return steps[-1]


async def outcomes(client: radgate.aio.Client, job: jobs.Job) -> dict[str, str]:
    rows = await client.jobs.prefetched(job.job_id)
    return {
        row.study_instance_uid: messages.PrefetchOutcome.Name(row.outcome).removeprefix("PREFETCH_OUTCOME_")
        for row in rows
    }


async def test_studies_are_cached_and_nothing_is_fetched_for_who_opens_them(
    rig: Rig, client: radgate.aio.Client, channel: grpc.aio.Channel
) -> None:
    job = await client.jobs.prefetch([EAST_STUDY, SECOND, EAST_STUDY])
    assert job.job_class == jobs.JOB_CLASS_BACKGROUND
    assert list(job.prefetch_studies.study_instance_uids) == [EAST_STUDY, SECOND]
    job = await ended(client, job)
    assert (job.state, job.done, job.failed, job.total) == (jobs.JOB_STATE_SUCCEEDED, 10, 0, 10)
    assert job.fetched_bytes == BYTES
    metric = rig.telemetry.metrics.registry.get_sample_value
    assert metric("radgate_prefetched_studies_total", {"outcome": "fetched"}) == 2
    assert metric("radgate_prefetched_bytes_total") == BYTES
    (first, second) = await client.jobs.prefetched(job.job_id)
    assert (first.study_instance_uid, first.outcome) == (EAST_STUDY, messages.PREFETCH_OUTCOME_FETCHED)
    assert (first.instances, first.fetched_instances, first.failed_instances) == (6, 6, 0)
    assert first.reason == ERROR_REASON_UNSPECIFIED
    assert first.fetched_bytes + second.fetched_bytes == BYTES
    retrieves = rig.east.calls["retrieve"]
    answer = await Web(channel, await rig.key("east")).get(f"/studies/{EAST_STUDY}")
    assert len(answer.body) > sum(map(len, EAST_FILES))
    assert rig.east.calls["retrieve"] == retrieves
    await rig.app.services.accesses.write()
    rig.clock.advance(25 * 3600)
    admin = Administrator(channel, await rig.key("*", role=Role.ADMIN), "east")
    use = (await admin("GetCacheStats")).history.prefetched
    assert (use.used, use.used_bytes) == (1, first.fetched_bytes)
    assert (use.wasted, use.wasted_bytes, use.pending) == (1, second.fetched_bytes, 0)


async def test_what_is_cached_is_skipped_and_counted(rig: Rig, client: radgate.aio.Client) -> None:
    await ended(client, await client.jobs.prefetch([EAST_STUDY]))
    retrieves = rig.east.calls["retrieve"]
    job = await ended(client, await client.jobs.prefetch([EAST_STUDY]))
    assert (job.done, job.total, job.fetched_bytes) == (6, 6, 0)
    assert await outcomes(client, job) == {EAST_STUDY: "CACHED"}
    assert rig.east.calls["retrieve"] == retrieves


async def test_a_study_that_changed_is_fetched_again(rig: Rig, client: radgate.aio.Client) -> None:
    await ended(client, await client.jobs.prefetch([SECOND]))
    rig.east.add(*make_study(6, study=SECOND)[4:])
    rig.clock.advance(1000)
    job = await ended(client, await client.jobs.prefetch([SECOND]))
    (row,) = await client.jobs.prefetched(job.job_id)
    assert (row.outcome, row.instances, row.fetched_instances) == (messages.PREFETCH_OUTCOME_FETCHED, 6, 2)


async def test_each_study_has_an_outcome_of_its_own(rig: Rig, client: radgate.aio.Client) -> None:
    rig.east.omitted.add(f"{SECOND}.1.2")
    job = await ended(client, await client.jobs.prefetch([NOWHERE, WEST_STUDY, SECOND, EAST_STUDY]))
    assert (job.state, job.done, job.failed, job.total) == (jobs.JOB_STATE_SUCCEEDED, 9, 1, 10)
    assert [(each.reason, each.instances) for each in job.failures] == [(ERROR_REASON_INSTANCE_NOT_SENT, 1)]
    expected = {NOWHERE: "NOT_FOUND", WEST_STUDY: "NOT_FOUND", SECOND: "INCOMPLETE", EAST_STUDY: "FETCHED"}
    assert await outcomes(client, job) == expected


async def test_what_was_erased_or_rejected_is_not_fetched(
    rig: Rig, client: radgate.aio.Client, channel: grpc.aio.Channel
) -> None:
    key = await rig.key("*", role=Role.ADMIN)
    await Administrator(channel, key, "east")("UpdateTenant", tenant={"tenant_id": "east", "hide_rejected": True})
    rig.east.add(make_note(SECOND, [f"{SECOND}.1.{number}" for number in range(1, 5)], title=PATIENT_SAFETY))
    erase = EraseCachedDataRequest(study_instance_uid=EAST_STUDY, reason="asked for").SerializeToString()
    await invoke(channel, "radgate.v1.RetentionService/EraseCachedData", erase, token=key, x_tenant_id="east")
    job = await ended(client, await client.jobs.prefetch([EAST_STUDY, SECOND]))
    assert await outcomes(client, job) == {EAST_STUDY: "ERASED", SECOND: "REJECTED"}
    assert [scope.study_instance_uid for scope in rig.east.scopes if scope.study_instance_uid == EAST_STUDY] == []
    await Web(channel, await rig.key("east")).get(f"/studies/{EAST_STUDY}")
    assert rig.east.scopes[-1].study_instance_uid == EAST_STUDY, "a person has it fetched"


async def test_a_job_that_was_paused_continues_after_the_studies_that_are_done(
    rig: Rig, client: radgate.aio.Client
) -> None:
    rig.east.omitted |= {f"{EAST_STUDY}.1.1"}
    job = await client.jobs.prefetch([EAST_STUDY, SECOND])
    while EAST_STUDY not in await outcomes(client, job):
        pass
    await client.jobs.pause(job.job_id)
    rig.east.omitted.clear()
    before = rig.east.sent
    await client.jobs.resume(job.job_id)
    job = await ended(client, job)
    assert (job.state, job.done, job.failed, job.total) == (jobs.JOB_STATE_SUCCEEDED, 9, 1, 10)
    assert rig.east.sent - before <= 4, "the first study is not looked at again"


async def test_while_the_pacs_is_away_the_job_waits(rig: Rig, client: radgate.aio.Client) -> None:
    rig.east.refuse_with = PacsUnreachableError("no connection", pacs="main")
    job = await client.jobs.prefetch([EAST_STUDY])
    async for step in client.jobs.watch(job.job_id):
        if step.attempts == 1 and step.state == jobs.JOB_STATE_WAITING:
            break
    assert await outcomes(client, job) == {}
    rig.east.refuse_with = None
    rig.clock.advance(RETRY_DELAYS_S[0])
    rig.pauses.pass_all()
    assert (await ended(client, job)).done == 6


async def test_asking_twice_is_asking_once_and_each_study_is_recorded(rig: Rig, client: radgate.aio.Client) -> None:
    first = await client.jobs.prefetch([EAST_STUDY, SECOND], request_id="mine")
    recorded = {(entry.action, entry.study_instance_uid, entry.detail) for entry in rig.audit.entries}
    assert recorded == {("configure", study, "prefetch") for study in (EAST_STUDY, SECOND)}
    assert (await client.jobs.prefetch([EAST_STUDY, SECOND], request_id="mine")).job_id == first.job_id


async def test_other_tenants_see_nothing_and_viewers_may_not(rig: Rig, client: radgate.aio.Client) -> None:
    job = await client.jobs.prefetch([EAST_STUDY])
    async with radgate.aio.Client(rig.target, await rig.key("west", role=Role.ADMIN)) as west:
        with pytest.raises(radgate.NotFoundError):
            await west.jobs.prefetched(job.job_id)
    async with radgate.aio.Client(rig.target, await rig.key("east")) as viewer:
        with pytest.raises(radgate.PermissionDeniedError):
            await viewer.jobs.prefetch([EAST_STUDY])


@pytest.mark.parametrize(
    ("studies", "request_id", "field"),
    [
        ((), "", "study_instance_uids"),
        (("not a uid",), "", "study_instance_uids"),
        ([f"2.25.{number}" for number in range(1001)], "", "study_instance_uids"),
        ((EAST_STUDY,), "x" * 65, "request_id"),
    ],
)
async def test_what_is_wrong_names_its_field(
    rig: Rig, channel: grpc.aio.Channel, studies: tuple[str, ...], request_id: str, field: str
) -> None:
    request = messages.PrefetchStudiesRequest(study_instance_uids=studies, request_id=request_id)
    token = await rig.key("east", role=Role.OPERATOR)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await invoke(channel, "radgate.v1.PrefetchService/PrefetchStudies", request.SerializeToString(), token=token)
    assert error_info_of(caught.value).reason == "INVALID_ARGUMENT"
    assert field in (caught.value.details() or "")
    assert rig.audit.entries == []
