import asyncio

import pytest

from radgate_server.core.dicom.instances import InstanceHandle
from radgate_server.core.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN, JPEG_2000
from radgate_server.core.errors import (
    CodecFailedError,
    ImageWorkersBusyError,
    InstanceNotSentError,
    ObjectNotFoundError,
    PacsUnreachableError,
)
from radgate_server.core.imaging.frames import EncodeTarget
from radgate_server.core.imaging.ports import Priority
from radgate_server.core.jobs.job import JobKind, JobProgress, JobRequest
from radgate_server.services.jobs.handlers import job_handlers, parameters_of
from radgate_server.services.jobs.instances import PARALLEL
from tests.fakes.instances import STUDY, make_study
from tests.fakes.memory_pacs import MemoryPacs
from tests.fakes.waiting import settle, until
from tests.unit.services.retrieve.test_retrieve import service

TARGET = EncodeTarget(JPEG_2000, quality=70)


class Imaging:
    """What jobs do to instances: remembers it, and fails for the numbers in `failing`."""

    def __init__(self) -> None:
        self.transcoded: list[tuple[str, str, EncodeTarget, Priority]] = []
        self.shown: list[str] = []
        self.failing: dict[str, Exception] = {}
        self.may_continue = asyncio.Event()
        self.may_continue.set()
        self.in_progress = self.most_under_way = 0

    async def transcode(self, tenant_id: str, handle: InstanceHandle, target: EncodeTarget, priority: Priority) -> None:
        self.in_progress += 1
        self.most_under_way = max(self.most_under_way, self.in_progress)
        try:
            await self.may_continue.wait()
            number = handle.ref.sop_instance_uid.rsplit(".", 1)[1]
            if number in self.failing:
                raise self.failing[number]
            self.transcoded.append((tenant_id, number, target, priority))
        finally:
            self.in_progress -= 1

    async def make_thumbnail(self, _tenant_id: str, handle: InstanceHandle, priority: Priority) -> None:
        assert priority is Priority.WARMING
        self.shown.append(handle.ref.sop_instance_uid)


class Notified:
    """Report that keeps what it is reported."""

    def __init__(self) -> None:
        self.steps: list[tuple[JobProgress, dict[str, int]]] = []

    async def __call__(self, progress: JobProgress, failures: dict[str, int]) -> None:
        self.steps.append((progress, failures))


def request(*, series: str = "", target: EncodeTarget = TARGET) -> JobRequest:
    return JobRequest("east", JobKind.TRANSCODE_STUDY, STUDY, series, parameters_of(target))


async def run(imaging: Imaging, pacs: MemoryPacs, job: JobRequest) -> Notified:
    reported = Notified()
    handlers = job_handlers(await service(pacs), imaging.transcode, imaging.make_thumbnail)
    await handlers[job.kind](job, reported)
    return reported


async def test_each_instance_of_the_study_is_transcoded_behind_everything_else() -> None:
    imaging = Imaging()
    reported = await run(imaging, MemoryPacs(make_study(3)), request())
    assert sorted(imaging.transcoded) == [("east", number, TARGET, Priority.WARMING) for number in "123"]
    assert [progress for progress, _ in reported.steps] == [JobProgress(done, 0, 3) for done in range(4)]


async def test_a_job_may_concern_one_series() -> None:
    imaging = Imaging()
    reported = await run(imaging, MemoryPacs(make_study(2, series=3)), request(series=f"{STUDY}.2"))
    assert reported.steps[-1] == (JobProgress(2, 0, 2), {})


async def test_what_is_stored_so_already_is_brought_near_and_left_as_it_is() -> None:
    imaging = Imaging()
    reported = await run(imaging, MemoryPacs(make_study(2)), request(target=EncodeTarget(EXPLICIT_VR_LITTLE_ENDIAN)))
    assert (imaging.transcoded, reported.steps[-1][0]) == ([], JobProgress(2, 0, 2))


async def test_thumbnails_are_made_of_each_instance() -> None:
    imaging = Imaging()
    await run(imaging, MemoryPacs(make_study(2)), JobRequest("east", JobKind.MAKE_THUMBNAILS, STUDY))
    assert sorted(imaging.shown) == [f"{STUDY}.1.1", f"{STUDY}.1.2"]


async def test_what_fails_is_counted_by_its_reason_and_holds_up_nothing(caplog: pytest.LogCaptureFixture) -> None:
    imaging, pacs = Imaging(), MemoryPacs(make_study(6))
    pacs.failing[f"{STUDY}.1.1"] = InstanceNotSentError("not sent", pacs="memory")
    imaging.failing = {
        "2": CodecFailedError("crashed"),
        "3": CodecFailedError("crashed"),
        "4": RuntimeError("Doe^John"),
    }
    reported = await run(imaging, pacs, request())
    failures = {"INSTANCE_NOT_SENT": 1, "CODEC_FAILED": 2, "INTERNAL": 1}
    assert reported.steps[-1] == (JobProgress(2, 4, 6), failures)
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [
        "an instance of a job failed because of a defect"
    ]


async def test_workers_that_take_no_more_end_the_job_so_that_it_is_begun_again() -> None:
    imaging = Imaging()
    imaging.failing["2"] = ImageWorkersBusyError("too many wait")
    with pytest.raises(ImageWorkersBusyError):
        await run(imaging, MemoryPacs(make_study(3)), request())


async def test_a_study_that_is_nowhere_or_out_of_reach() -> None:
    with pytest.raises(ObjectNotFoundError):
        await run(Imaging(), MemoryPacs(), request())
    pacs = MemoryPacs(make_study(3))
    pacs.refuse_with = PacsUnreachableError("no connection", pacs="memory")
    with pytest.raises(PacsUnreachableError):
        await run(Imaging(), pacs, request())


async def test_a_study_of_which_nothing_comes_fails_as_a_whole() -> None:
    pacs = MemoryPacs(make_study(2))
    pacs.failing = {f"{STUDY}.1.{number}": InstanceNotSentError("not sent", pacs="memory") for number in "12"}
    with pytest.raises(InstanceNotSentError):
        await run(Imaging(), pacs, request())


async def test_only_so_many_instances_are_in_progress_and_cancelling_stops_them() -> None:
    imaging = Imaging()
    imaging.may_continue.clear()
    job = asyncio.create_task(run(imaging, MemoryPacs(make_study(PARALLEL + 5)), request()))
    await until(lambda: imaging.in_progress == PARALLEL)
    await settle()
    assert imaging.most_under_way == PARALLEL
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    assert (imaging.in_progress, imaging.transcoded) == (0, [])
