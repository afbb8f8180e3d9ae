"""Work that the server continues with after the call, for ordinary code and for asyncio."""

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from typing import Any, Literal
from uuid import uuid4

import grpc

from radgate.errors import UnavailableError
from radgate.paging import list_all, list_all_async
from radgate.v1 import job_service_pb2 as messages
from radgate.v1.job_service_pb2_grpc import JobServiceStub
from radgate.v1.prefetch_service_pb2 import ListPrefetchedStudiesRequest, PrefetchedStudy, PrefetchStudiesRequest
from radgate.v1.prefetch_service_pb2_grpc import PrefetchServiceStub

_FINAL = (messages.JOB_STATE_SUCCEEDED, messages.JOB_STATE_FAILED, messages.JOB_STATE_CANCELLED)

type JobClass = Literal["interactive", "normal", "background"]
"""How urgent a job is, the most urgent first."""

_CLASSES: dict[JobClass, messages.JobClass] = {
    "interactive": messages.JOB_CLASS_INTERACTIVE,
    "normal": messages.JOB_CLASS_NORMAL,
    "background": messages.JOB_CLASS_BACKGROUND,
}

type Call = Callable[[Callable[..., Any], object], Any]
"""Makes a unary call of a client."""
type Stream = Callable[[Callable[..., Any], object, "JobAssembler", float | None], Any]
"""Makes a streaming call of a client."""


class JobAssembler:
    """Hands out the job each time it is reported."""

    def __init__(self) -> None:
        self._ended = False

    def feed(self, response: messages.WatchJobResponse) -> messages.Job:
        """The job as it stands."""
        self._ended = response.job.state in _FINAL
        return response.job

    def finish(self) -> None:
        """Insist that the stream ended because the job has. Raises UnavailableError."""
        if not self._ended:
            raise UnavailableError("the server ended the watch before the job; begin another one")


class Jobs:
    """Jobs of the tenant. A job that is created again with the same `request_id` is the same job.

    Without a `request_id`, one is made up, so that a call that is retried creates one job alone.
    """

    def __init__(self, channel: grpc.Channel, call: Call, stream: Stream) -> None:
        self._stub: Any = JobServiceStub(channel)  # type: ignore[no-untyped-call]
        self._prefetch: Any = PrefetchServiceStub(channel)  # type: ignore[no-untyped-call]
        self._call = call
        self._stream = stream

    def transcode_study(
        self,
        study_instance_uid: str,
        transfer_syntax: str,
        *,
        series_instance_uid: str = "",
        quality: int = 0,
        request_id: str = "",
        job_class: JobClass = "normal",
    ) -> messages.Job:
        """Transcode a study or a series into a transfer syntax, so that retrieving it is answered from the cache."""
        request = transcode_request(study_instance_uid, transfer_syntax, series_instance_uid, quality, request_id)
        request.job_class = _CLASSES[job_class]
        return _job(self._call(self._stub.CreateJob, request))

    def make_thumbnails(
        self,
        study_instance_uid: str,
        *,
        series_instance_uid: str = "",
        request_id: str = "",
        job_class: JobClass = "normal",
    ) -> messages.Job:
        """Make the thumbnails of a study or a series."""
        request = thumbnails_request(study_instance_uid, series_instance_uid, request_id)
        request.job_class = _CLASSES[job_class]
        return _job(self._call(self._stub.CreateJob, request))

    def prefetch(self, study_instance_uids: Sequence[str], *, request_id: str = "") -> messages.Job:
        """Fetch studies into the server's cache, behind everything that somebody waits for."""
        return _job(self._call(self._prefetch.PrefetchStudies, prefetch_request(study_instance_uids, request_id)))

    def prefetched(self, job_id: str) -> Sequence[PrefetchedStudy]:
        """What became of the studies of such a job, as far as it has come."""
        request = ListPrefetchedStudiesRequest(job_id=job_id)
        return list_all(self._call, self._prefetch.ListPrefetchedStudies, request, "studies")

    def get(self, job_id: str) -> messages.Job:
        """The job as it stands."""
        return _job(self._call(self._stub.GetJob, messages.GetJobRequest(job_id=job_id)))

    def list(self) -> Sequence[messages.Job]:
        """The tenant's jobs, newest first; those that ended are kept for a while."""
        return list_all(self._call, self._stub.ListJobs, messages.ListJobsRequest(), "jobs")

    def watch(self, job_id: str, *, timeout_s: float | None = None) -> Iterator[messages.Job]:
        """The job as it stands, and again whenever it changes, until it has ended."""
        request = messages.WatchJobRequest(job_id=job_id)
        stream: Iterator[messages.Job] = self._stream(self._stub.WatchJob, request, JobAssembler(), timeout_s)
        return stream

    def cancel(self, job_id: str) -> messages.Job:
        """Let the job stop; returns when it has. One that has ended stays as it is."""
        return _job(self._call(self._stub.CancelJob, messages.CancelJobRequest(job_id=job_id)))

    def pause(self, job_id: str) -> messages.Job:
        """Let the job stop until it is resumed; returns when it has. One that has ended stays as it is."""
        return _job(self._call(self._stub.PauseJob, messages.PauseJobRequest(job_id=job_id)))

    def resume(self, job_id: str) -> messages.Job:
        """Let a paused job wait for its turn again, and begin again one that failed."""
        return _job(self._call(self._stub.ResumeJob, messages.ResumeJobRequest(job_id=job_id)))


class AsyncJobs:
    """The same for asyncio."""

    def __init__(self, channel: grpc.aio.Channel, call: Call, stream: Stream) -> None:
        self._stub: Any = JobServiceStub(channel)  # type: ignore[no-untyped-call]
        self._prefetch: Any = PrefetchServiceStub(channel)  # type: ignore[no-untyped-call]
        self._call = call
        self._stream = stream

    async def transcode_study(
        self,
        study_instance_uid: str,
        transfer_syntax: str,
        *,
        series_instance_uid: str = "",
        quality: int = 0,
        request_id: str = "",
        job_class: JobClass = "normal",
    ) -> messages.Job:
        """Transcode a study or a series into a transfer syntax, so that retrieving it is answered from the cache."""
        request = transcode_request(study_instance_uid, transfer_syntax, series_instance_uid, quality, request_id)
        request.job_class = _CLASSES[job_class]
        return _job(await self._call(self._stub.CreateJob, request))

    async def make_thumbnails(
        self,
        study_instance_uid: str,
        *,
        series_instance_uid: str = "",
        request_id: str = "",
        job_class: JobClass = "normal",
    ) -> messages.Job:
        """Make the thumbnails of a study or a series."""
        request = thumbnails_request(study_instance_uid, series_instance_uid, request_id)
        request.job_class = _CLASSES[job_class]
        return _job(await self._call(self._stub.CreateJob, request))

    async def prefetch(self, study_instance_uids: Sequence[str], *, request_id: str = "") -> messages.Job:
        """Fetch studies into the server's cache, behind everything that somebody waits for."""
        request = prefetch_request(study_instance_uids, request_id)
        return _job(await self._call(self._prefetch.PrefetchStudies, request))

    async def prefetched(self, job_id: str) -> Sequence[PrefetchedStudy]:
        """What became of the studies of such a job, as far as it has come."""
        request = ListPrefetchedStudiesRequest(job_id=job_id)
        return await list_all_async(self._call, self._prefetch.ListPrefetchedStudies, request, "studies")

    async def get(self, job_id: str) -> messages.Job:
        """The job as it stands."""
        return _job(await self._call(self._stub.GetJob, messages.GetJobRequest(job_id=job_id)))

    async def list(self) -> Sequence[messages.Job]:
        """The tenant's jobs, newest first; those that ended are kept for a while."""
        return await list_all_async(self._call, self._stub.ListJobs, messages.ListJobsRequest(), "jobs")

    def watch(self, job_id: str, *, timeout_s: float | None = None) -> AsyncGenerator[messages.Job]:
        """The job as it stands, and again whenever it changes, until it has ended."""
        request = messages.WatchJobRequest(job_id=job_id)
        stream: AsyncGenerator[messages.Job] = self._stream(self._stub.WatchJob, request, JobAssembler(), timeout_s)
        return stream

    async def cancel(self, job_id: str) -> messages.Job:
        """Let the job stop; returns when it has. One that has ended stays as it is."""
        return _job(await self._call(self._stub.CancelJob, messages.CancelJobRequest(job_id=job_id)))

    async def pause(self, job_id: str) -> messages.Job:
        """Let the job stop until it is resumed; returns when it has. One that has ended stays as it is."""
        return _job(await self._call(self._stub.PauseJob, messages.PauseJobRequest(job_id=job_id)))

    async def resume(self, job_id: str) -> messages.Job:
        """Let a paused job wait for its turn again, and begin again one that failed."""
        return _job(await self._call(self._stub.ResumeJob, messages.ResumeJobRequest(job_id=job_id)))


def transcode_request(
    study: str, transfer_syntax: str, series: str, quality: int, request_id: str
) -> messages.CreateJobRequest:
    """Ask for a study or series in another transfer syntax."""
    work = messages.TranscodeStudyJob(
        study_instance_uid=study, series_instance_uid=series, transfer_syntax_uid=transfer_syntax, quality=quality
    )
    return messages.CreateJobRequest(transcode_study=work, request_id=request_id or uuid4().hex)


def thumbnails_request(study: str, series: str, request_id: str) -> messages.CreateJobRequest:
    """Ask for the thumbnails of a study or series."""
    work = messages.MakeThumbnailsJob(study_instance_uid=study, series_instance_uid=series)
    return messages.CreateJobRequest(make_thumbnails=work, request_id=request_id or uuid4().hex)


def prefetch_request(studies: Sequence[str], request_id: str) -> PrefetchStudiesRequest:
    """Ask for studies to be fetched."""
    return PrefetchStudiesRequest(study_instance_uids=studies, request_id=request_id or uuid4().hex)


def _job(response: Any) -> messages.Job:
    job: messages.Job = response.job
    return job
