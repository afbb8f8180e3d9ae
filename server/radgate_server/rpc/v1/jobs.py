"""JobService: work that goes on after the call."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from radgate.v1 import job_service_pb2 as messages
from radgate_server.core.audit.record import AuditAction
from radgate_server.core.dicom.identifiers import RetrieveScope
from radgate_server.core.jobs.job import JobKind, JobRequest
from radgate_server.core.jobs.ports import JobQueue
from radgate_server.core.telemetry.tracing import current_traceparent
from radgate_server.rpc.pipeline.call import Call
from radgate_server.rpc.v1.convert.jobs import from_create, to_job
from radgate_server.rpc.v1.streams.page_token import requested_page
from radgate_server.services.audit.recording import Auditor

# ruff: noqa: N802 (rpcs keep their names)

_ACTIONS = {JobKind.TRANSCODE_STUDY: AuditAction.TRANSCODE, JobKind.MAKE_THUMBNAILS: AuditAction.RENDER}


class JobServicer:
    """radgate.v1.JobService. Whoever asks for a job is recorded before the queue has it: it reads on their behalf."""

    def __init__(self, queue: JobQueue, auditor: Auditor) -> None:
        self._queue = queue
        self._auditor = auditor

    async def CreateJob(self, request: messages.CreateJobRequest, call: Call) -> messages.CreateJobResponse:
        """Take a job, or find the one that the same request_id brought."""
        asked = from_create(request, call.caller.tenant_id)
        scope = RetrieveScope(asked.study_instance_uid, asked.series_instance_uid or None)
        await self._auditor.record(call.caller, _ACTIONS[asked.kind], scope, _audited(asked))
        job = await self._queue.submit(replace(asked, traceparent=current_traceparent()))
        return messages.CreateJobResponse(job=to_job(job))

    async def GetJob(self, request: messages.GetJobRequest, call: Call) -> messages.GetJobResponse:
        """Return one job as it stands."""
        job = await self._queue.get(call.caller.tenant_id, request.job_id)
        return messages.GetJobResponse(job=to_job(job))

    async def ListJobs(self, request: messages.ListJobsRequest, call: Call) -> messages.ListJobsResponse:
        """List the tenant's jobs."""
        page = requested_page(request, call.caller.tenant_id)
        jobs, following = page.cut(await self._queue.list(call.caller.tenant_id))
        return messages.ListJobsResponse(jobs=map(to_job, jobs), next_page_token=following)

    async def WatchJob(
        self, request: messages.WatchJobRequest, call: Call
    ) -> AsyncGenerator[messages.WatchJobResponse]:
        """Return one job whenever it changes, until it has ended."""
        async with aclosing(self._queue.watch(call.caller.tenant_id, request.job_id)) as watched:
            async for job in watched:
                yield messages.WatchJobResponse(job=to_job(job))

    async def CancelJob(self, request: messages.CancelJobRequest, call: Call) -> messages.CancelJobResponse:
        """Stop a job; answers when it has stopped."""
        await self._auditor.record(call.caller, AuditAction.CONFIGURE, detail=f"cancel job {request.job_id}"[:200])
        job = await self._queue.cancel(call.caller.tenant_id, request.job_id)
        return messages.CancelJobResponse(job=to_job(job))

    async def PauseJob(self, request: messages.PauseJobRequest, call: Call) -> messages.PauseJobResponse:
        """Stop a job until it is resumed; answers when it has stopped."""
        await self._auditor.record(call.caller, AuditAction.CONFIGURE, detail=f"pause job {request.job_id}"[:200])
        job = await self._queue.pause(call.caller.tenant_id, request.job_id)
        return messages.PauseJobResponse(job=to_job(job))

    async def ResumeJob(self, request: messages.ResumeJobRequest, call: Call) -> messages.ResumeJobResponse:
        """Let a paused job wait for its turn again, and begin again one that failed."""
        await self._auditor.record(call.caller, AuditAction.CONFIGURE, detail=f"resume job {request.job_id}"[:200])
        job = await self._queue.resume(call.caller.tenant_id, request.job_id)
        return messages.ResumeJobResponse(job=to_job(job))


def _audited(request: JobRequest) -> str:
    return " ".join(("job", request.kind, *(f"{name}={value}" for name, value in request.parameters.items())))
