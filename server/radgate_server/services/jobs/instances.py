"""Doing something to each instance of a study or series: several at once, and what fails is counted, not the end."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import aclosing

from radgate_server.core.dicom.identifiers import parse_scope
from radgate_server.core.dicom.instances import FailedInstance, InstanceHandle
from radgate_server.core.errors import ImageWorkersBusyError
from radgate_server.core.jobs.job import JobProgress, JobRequest, describe_failure
from radgate_server.core.jobs.ports import Report
from radgate_server.services.retrieve.retrieval import Retrieval, RetrieveService

_log = logging.getLogger(__name__)

PARALLEL = 8
"""Instances of one job in progress at the same time: enough to keep the workers busy, few enough to hold in memory."""

type Work = Callable[[InstanceHandle], Awaitable[object]]


async def for_each_instance(retrieve: RetrieveService, request: JobRequest, report: Report, work: Work) -> None:
    """Fetch the instances of the job, and do `work` to each as it comes.

    Raises:
        ObjectNotFoundError: no PACS of the tenant has the study or series.
        ImageWorkersBusyError: the workers take no more for now; what is done need not be done again.
        GatewayError: nothing at all could be fetched.
    """
    scope = parse_scope(request.study_instance_uid, request.series_instance_uid)
    async with retrieve.open(request.tenant_id, scope) as retrieval:
        tally = _Tally(report, len(retrieval.listed))
        await tally.publish_progress()
        try:
            await _do_all(retrieval, tally, work)
        except ExceptionGroup as group:
            raise group.exceptions[0] from None


async def _do_all(retrieval: Retrieval, tally: "_Tally", work: Work) -> None:
    slots = asyncio.Semaphore(PARALLEL)

    async def do(handle: InstanceHandle) -> None:
        try:
            await work(handle)
        except ImageWorkersBusyError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it fails this instance alone
            await tally.fail(error)
        else:
            await tally.succeed()
        finally:
            slots.release()

    async with asyncio.TaskGroup() as group, aclosing(aiter(retrieval)) as deliveries:
        async for delivery in deliveries:
            if isinstance(delivery, FailedInstance):
                await tally.fail(delivery.error)
            else:
                await slots.acquire()
                group.create_task(do(delivery))


class _Tally:
    """Counts, and reports to the queue."""

    def __init__(self, report: Report, total: int) -> None:
        self._report = report
        self._total = total
        self._done = 0
        self._failures: Counter[str] = Counter()

    async def succeed(self) -> None:
        """One instance is done."""
        self._done += 1
        await self.publish_progress()

    async def fail(self, error: Exception) -> None:
        """One instance is not, for this reason."""
        failure = describe_failure(error)
        if failure.defect:
            _log.error("an instance of a job failed because of a defect", exc_info=error)
        self._failures[failure.reason] += 1
        await self.publish_progress()

    async def publish_progress(self) -> None:
        """Report the counts as they are."""
        await self._report(JobProgress(self._done, self._failures.total(), self._total), dict(self._failures))
