"""What administrators do about prefetching."""

import asyncio
import secrets
from collections.abc import Sequence
from typing import Protocol

from radgate_server.core.access.tenancy import Caller
from radgate_server.core.audit.record import AuditAction
from radgate_server.core.dicom.identifiers import RetrieveScope, parse_uid
from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.jobs.job import Job, JobClass, JobKind, JobRequest, places_for
from radgate_server.core.jobs.ports import JobStore
from radgate_server.core.prefetch.batch import (
    API,
    MAX_STUDIES,
    PrefetchBatch,
    PrefetchedStudy,
    PrefetchRecords,
    batch_of,
)
from radgate_server.core.telemetry.tracing import current_traceparent
from radgate_server.services.acting import acting_tenant
from radgate_server.services.audit.recording import Auditor

MAX_REQUEST_ID = 64


class Jobs(Protocol):
    """Takes jobs: a JobQueue, or StoredJobs where none runs."""

    async def submit(self, request: JobRequest) -> Job:
        """As JobQueue's."""
        ...

    async def get(self, tenant_id: str, job_id: str) -> Job:
        """As JobQueue's."""
        ...


class StoredJobs:
    """Jobs of a process that runs none: servers find them in the store."""

    def __init__(self, store: JobStore, *, max_waiting: int) -> None:
        self._store = store
        self._max_waiting = max_waiting

    async def submit(self, request: JobRequest) -> Job:
        """Add the job to the store."""
        return await self._store.submit(request, max_waiting=places_for(request.job_class, self._max_waiting))

    async def get(self, tenant_id: str, job_id: str) -> Job:
        """The job as it stands."""
        return await self._store.get(tenant_id, job_id)


class PrefetchAdmin:
    """Submits batches, and shows what became of them."""

    def __init__(self, jobs: Jobs, records: PrefetchRecords, auditor: Auditor) -> None:
        self._jobs = jobs
        self._records = records
        self._auditor = auditor

    async def prefetch(self, caller: Caller, studies: Sequence[str], request_id: str = "", source: str = API) -> Job:
        """Have these studies fetched in the background; with a `request_id` used before, return that job.

        Raises:
            InvalidArgumentError: there is none, or too many, or one is no UID.
            JobQueueFullError: too many jobs of the tenant wait already.
        """
        chosen = tuple(dict.fromkeys(parse_uid(study, "study_instance_uids") for study in studies))
        if not 0 < len(chosen) <= MAX_STUDIES:
            raise InvalidArgumentError("study_instance_uids", f"name 1 to {MAX_STUDIES} studies")
        if len(request_id) > MAX_REQUEST_ID:
            raise InvalidArgumentError("request_id", f"may have {MAX_REQUEST_ID} characters at most")
        tenant_id = acting_tenant(caller)
        record, action = self._auditor.record, AuditAction.CONFIGURE
        detail = "prefetch" if source == API else f"prefetch by {source}"
        await asyncio.gather(*(record(caller, action, RetrieveScope(study), detail) for study in chosen))
        batch = PrefetchBatch(secrets.token_hex(8), chosen, source)
        request = JobRequest(
            tenant_id,
            JobKind.PREFETCH_STUDIES,
            "",
            parameters=batch.parameters(),
            request_id=request_id,
            traceparent=current_traceparent(),
            job_class=JobClass.BACKGROUND,
        )
        return await self._jobs.submit(request)

    async def outcomes(self, caller: Caller, job_id: str) -> Sequence[PrefetchedStudy]:
        """What became of the studies of a job, as far as it has come; nothing of a job of another kind.

        Raises:
            ResourceNotFoundError: the tenant has no such job, or it ended long ago.
        """
        job = await self._jobs.get(acting_tenant(caller), job_id)
        if job.request.kind is not JobKind.PREFETCH_STUDIES:
            return ()
        return await self._records.of_batch(job.request.tenant_id, batch_of(job.request.parameters).batch_id)
