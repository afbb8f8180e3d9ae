"""One job that runs in this process: its task, how far it is, and how its end is written down."""

import asyncio
import logging
from collections.abc import Callable
from enum import Enum, auto

from radgate_server.core.errors import GatewayError
from radgate_server.core.jobs.job import (
    MAX_ATTEMPTS,
    RETRY_DELAYS_S,
    Job,
    JobClass,
    JobProgress,
    JobState,
    describe_failure,
    is_of_the_input,
)
from radgate_server.core.jobs.ports import Claim, JobHandler, JobOutcome, JobReport, JobStore, Standing
from radgate_server.core.pacs.background import Background, current_background
from radgate_server.services.repeating import Sleep

_log = logging.getLogger(__name__)

SETTLE_RETRY_S = 1.0


class _Stop(Enum):
    """Why the task was cancelled."""

    CANCELLED = auto()
    GIVEN_BACK = auto()
    LOST = auto()


class RunningJob:
    """Runs from the beginning. `settled` is called with its lease when all is written down."""

    def __init__(
        self,
        claim: Claim,
        handler: JobHandler,
        store: JobStore,
        sleep: Sleep,
        settled: Callable[[str, Job | None], None],
    ) -> None:
        self.report = JobReport()
        self._claim = claim
        self._store = store
        self._sleep = sleep
        self._settled = settled
        self._stop: _Stop | None = None
        self._closing = False
        self._work = asyncio.create_task(self._run(handler), name="job")
        self._end = asyncio.create_task(self._conclude(), name="job-end")

    @property
    def job_class(self) -> JobClass:
        """How urgent it is."""
        return self._claim.job.request.job_class

    def heed(self, standing: Standing) -> None:
        """Stop when the job is wanted no more or not now, or is another's."""
        match standing:
            case Standing.CANCELLED:
                self._cancel(_Stop.CANCELLED)
            case Standing.PAUSED:
                self._cancel(_Stop.GIVEN_BACK)  # the store knows that it is paused
            case Standing.LOST:
                self._cancel(_Stop.LOST)

    def give_back(self) -> None:
        """Stop, and let another process begin it again."""
        self._closing = True
        self._cancel(_Stop.GIVEN_BACK)

    async def ended(self) -> None:
        """Wait until it has stopped and that is written down."""
        await asyncio.wait([self._end])

    def _cancel(self, why: _Stop) -> None:
        if self._stop is None:
            self._stop = why
            self._work.cancel()

    async def _run(self, handler: JobHandler) -> None:
        async def report(progress: JobProgress, failures: dict[str, int]) -> None:
            self.report = JobReport(progress, dict(failures))

        if self.job_class is JobClass.BACKGROUND:
            current_background.set(Background())
        await handler(self._claim.job.request, report)

    async def _conclude(self) -> None:
        await asyncio.wait([self._work])
        job = None
        if self._stop is not _Stop.LOST:
            job = await self._settle(self._outcome())
        self._settled(self._claim.lease, job)

    async def _settle(self, outcome: JobOutcome) -> Job | None:
        """Write down how it ended, as soon as the store takes it; while the process stops, once."""
        while True:
            try:
                return await self._store.settle(self._claim.lease, outcome)
            except GatewayError as error:
                _log.warning("the end of a job can't be written down: %s", error.message, extra=self._where())
                if self._closing:
                    return None  # the lease ends, and another process begins it again
            await self._sleep(SETTLE_RETRY_S)

    def _outcome(self) -> JobOutcome:
        """A failure on the way out of a job that was stopped is none."""
        error = None if self._work.cancelled() else self._work.exception()
        if self._work.cancelled() or (error is not None and self._stop is not None):
            if self._stop is _Stop.GIVEN_BACK:
                return JobOutcome(JobState.WAITING, self.report, given_back=True)
            return JobOutcome(JobState.CANCELLED, self.report)
        if error is None:
            return JobOutcome(JobState.SUCCEEDED, self.report)
        return self._failed(error)

    def _failed(self, error: BaseException) -> JobOutcome:
        attempts = self._claim.job.attempts
        if attempts < MAX_ATTEMPTS and not is_of_the_input(error):
            return JobOutcome(JobState.WAITING, JobReport(), delay_s=RETRY_DELAYS_S[attempts - 1])
        failure = describe_failure(error)
        if failure.defect:
            # In the context of the task, so that the log names the job's trace.
            self._work.get_context().run(
                _log.error, "a job failed because of a defect", exc_info=error, extra=self._where()
            )
        return JobOutcome(JobState.FAILED, self.report, failure.reason, failure.message)

    def _where(self) -> dict[str, str]:
        return {"tenant": self._claim.job.request.tenant_id, "job": self._claim.job.job_id}
