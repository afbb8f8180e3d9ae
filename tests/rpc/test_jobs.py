"""JobService on a real gRPC server, over a store of jobs in memory and the product's codecs."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

import radgate
from radgate.v1 import job_service_pb2 as messages
from radgate.v1.error_reason_pb2 import ERROR_REASON_CODEC_FAILED, ERROR_REASON_OBJECT_NOT_FOUND
from radgate_server.core.access.tenancy import Role
from radgate_server.core.audit.record import AuditAction
from radgate_server.core.dicom.transfer_syntaxes import RLE_LOSSLESS
from radgate_server.core.errors import CodecFailedError, PacsUnreachableError
from radgate_server.core.imaging.ports import Priority
from radgate_server.core.jobs.job import RETRY_DELAYS_S
from tests.rpc.calls import invoke, reason_of
from tests.rpc.rig import EAST_STUDY, WEST_STUDY, Rig


@pytest.fixture
async def client(rig: Rig) -> AsyncIterator[radgate.aio.Client]:
    async with radgate.aio.Client(rig.target, await rig.key("east", role=Role.OPERATOR)) as client:
        yield client


async def ended(client: radgate.aio.Client, job: messages.Job) -> messages.Job:
    """The job as the last word of its watch has it."""
    steps = [step async for step in client.jobs.watch(job.job_id)]
    return steps[-1]


async def test_a_study_is_transcoded_into_the_cache(rig: Rig, client: radgate.aio.Client) -> None:
    job = await ended(client, await client.jobs.transcode_study(EAST_STUDY, RLE_LOSSLESS))
    assert (job.state, job.done, job.failed, job.total) == (messages.JOB_STATE_SUCCEEDED, 6, 0, 6)
    assert (job.transcode_study.study_instance_uid, job.transcode_study.quality) == (EAST_STUDY, 90)
    assert {call.priority for call in rig.workers.calls} == {Priority.WARMING}
    made = len(rig.workers.calls)
    instance = await client.transcode.instance(EAST_STUDY, f"{EAST_STUDY}.1", f"{EAST_STUDY}.1.1", RLE_LOSSLESS)
    assert instance.transfer_syntax_uid == RLE_LOSSLESS
    assert len(rig.workers.calls) == made


async def test_thumbnails_of_a_series_are_made(rig: Rig, client: radgate.aio.Client) -> None:
    job = await client.jobs.make_thumbnails(EAST_STUDY, series_instance_uid=f"{EAST_STUDY}.2")
    job = await ended(client, job)
    assert (job.state, job.done, job.total) == (messages.JOB_STATE_SUCCEEDED, 3, 3)
    assert job.make_thumbnails.series_instance_uid == f"{EAST_STUDY}.2"
    assert {call.operation for call in rig.workers.calls} == {"render"}


async def test_jobs_are_recorded_before_the_queue_has_them(
    rig: Rig, client: radgate.aio.Client, channel: grpc.aio.Channel
) -> None:
    await ended(client, await client.jobs.transcode_study(EAST_STUDY, RLE_LOSSLESS))
    await ended(client, await client.jobs.make_thumbnails(EAST_STUDY))
    assert [(entry.action, entry.study_instance_uid, entry.detail) for entry in rig.audit.entries] == [
        (
            AuditAction.TRANSCODE,
            EAST_STUDY,
            f"job transcode-study transfer_syntax_uid={RLE_LOSSLESS} quality=90",
        ),
        (AuditAction.RENDER, EAST_STUDY, "job make-thumbnails"),
    ]
    rig.audit.broken = True
    work = messages.MakeThumbnailsJob(study_instance_uid=EAST_STUDY)
    request = messages.CreateJobRequest(make_thumbnails=work).SerializeToString()
    token = await rig.key("east", role=Role.OPERATOR)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await invoke(channel, "radgate.v1.JobService/CreateJob", request, token=token)
    assert reason_of(caught.value) == "AUDIT_UNAVAILABLE"
    assert len(await client.jobs.list()) == 2


async def test_what_fails_is_counted_by_its_reason(
    rig: Rig, client: radgate.aio.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def crash(*_: Any, **__: Any) -> None:
        raise CodecFailedError("the codec crashed")

    monkeypatch.setattr(rig.workers, "transcode", crash)
    job = await ended(client, await client.jobs.transcode_study(EAST_STUDY, RLE_LOSSLESS))
    assert (job.state, job.done, job.failed) == (messages.JOB_STATE_SUCCEEDED, 0, 6)
    assert [(each.reason, each.instances) for each in job.failures] == [(ERROR_REASON_CODEC_FAILED, 6)]


async def test_a_job_for_what_is_nowhere_fails_at_once(client: radgate.aio.Client) -> None:
    job = await ended(client, await client.jobs.make_thumbnails(WEST_STUDY))
    assert (job.state, job.reason, job.attempts) == (messages.JOB_STATE_FAILED, ERROR_REASON_OBJECT_NOT_FOUND, 1)
    assert job.message == "no PACS of the tenant has this study"


async def test_a_job_that_a_fault_cut_short_is_begun_again(rig: Rig, client: radgate.aio.Client) -> None:
    rig.east.refuse_with = PacsUnreachableError("no connection", pacs="main")
    job = await client.jobs.make_thumbnails(EAST_STUDY)
    async for step in client.jobs.watch(job.job_id):
        if step.attempts == 1 and step.state == messages.JOB_STATE_WAITING:
            break
    rig.east.refuse_with = None
    rig.clock.advance(RETRY_DELAYS_S[0])
    rig.pauses.pass_all()
    job = await ended(client, job)
    assert (job.state, job.attempts, job.done) == (messages.JOB_STATE_SUCCEEDED, 2, 6)


async def test_a_job_is_cancelled(rig: Rig, client: radgate.aio.Client) -> None:
    rig.east.silence()
    job = await client.jobs.transcode_study(EAST_STUDY, RLE_LOSSLESS)
    cancelled = await client.jobs.cancel(job.job_id)
    assert cancelled.state == messages.JOB_STATE_CANCELLED
    assert await client.jobs.get(job.job_id) == cancelled
    assert (await ended(client, job)).state == messages.JOB_STATE_CANCELLED
    rig.east.release()


async def test_a_job_is_paused_and_resumed(rig: Rig, client: radgate.aio.Client) -> None:
    rig.east.silence()
    job = await client.jobs.transcode_study(EAST_STUDY, RLE_LOSSLESS, job_class="background")
    assert job.job_class == messages.JOB_CLASS_BACKGROUND
    paused = await client.jobs.pause(job.job_id)
    assert paused.state == messages.JOB_STATE_PAUSED
    rig.east.release()
    assert (await client.jobs.resume(job.job_id)).state == messages.JOB_STATE_WAITING
    job = await ended(client, job)
    assert (job.state, job.attempts, job.done) == (messages.JOB_STATE_SUCCEEDED, 1, 6)


async def test_a_class_that_is_none_names_the_field(rig: Rig, channel: grpc.aio.Channel) -> None:
    work = messages.MakeThumbnailsJob(study_instance_uid=EAST_STUDY)
    request = messages.CreateJobRequest(make_thumbnails=work, job_class=99).SerializeToString()  # type: ignore[arg-type]
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await invoke(
            channel, "radgate.v1.JobService/CreateJob", request, token=await rig.key("east", role=Role.OPERATOR)
        )
    assert (caught.value.details() or "").startswith("job_class: ")


async def test_asking_twice_is_asking_once(client: radgate.aio.Client) -> None:
    jobs = [await client.jobs.make_thumbnails(EAST_STUDY, request_id="mine") for _ in range(2)]
    assert jobs[0].job_id == jobs[1].job_id
    other = await client.jobs.make_thumbnails(EAST_STUDY)
    assert [job.job_id for job in await client.jobs.list()] == [other.job_id, jobs[0].job_id]


async def test_another_tenants_jobs_do_not_exist(rig: Rig, client: radgate.aio.Client) -> None:
    job = await client.jobs.make_thumbnails(EAST_STUDY)
    async with radgate.aio.Client(rig.target, await rig.key("west", role=Role.ADMIN)) as west:
        assert await west.jobs.list() == ()
        for ask in (west.jobs.get(job.job_id), west.jobs.cancel(job.job_id), anext(west.jobs.watch(job.job_id))):
            with pytest.raises(radgate.NotFoundError):
                await ask
    assert (await ended(client, job)).state == messages.JOB_STATE_SUCCEEDED


async def test_a_viewer_looks_and_changes_nothing(rig: Rig, client: radgate.aio.Client) -> None:
    job = await client.jobs.make_thumbnails(EAST_STUDY)
    async with radgate.aio.Client(rig.target, await rig.key("east")) as viewer:
        assert (await viewer.jobs.get(job.job_id)).job_id == job.job_id
        for ask in (viewer.jobs.make_thumbnails(EAST_STUDY), viewer.jobs.cancel(job.job_id)):
            with pytest.raises(radgate.PermissionDeniedError):
                await ask


async def test_work_that_is_none_names_the_field(rig: Rig, channel: grpc.aio.Channel) -> None:
    token = await rig.key("east", role=Role.OPERATOR)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await invoke(channel, "radgate.v1.JobService/CreateJob", token=token)
    assert reason_of(caught.value) == "INVALID_ARGUMENT"
    assert (caught.value.details() or "").startswith("work: ")
