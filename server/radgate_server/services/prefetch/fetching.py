"""The job that prefetches a batch of studies, one after the other."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Protocol

from radgate_server.core.dicom.identifiers import RetrieveScope
from radgate_server.core.dicom.instances import FailedInstance
from radgate_server.core.dicom.memory_instance import MemoryInstance
from radgate_server.core.errors import (
    GatewayError,
    NoPacsConfiguredError,
    ObjectNotFoundError,
    ObjectRejectedError,
    PacsBusyError,
    PacsCircuitOpenError,
    PacsTimeoutError,
    PacsUnreachableError,
)
from radgate_server.core.jobs.job import JobProgress, JobRequest, describe_failure
from radgate_server.core.jobs.ports import Report
from radgate_server.core.prefetch.batch import PrefetchedStudy, PrefetchOutcome, PrefetchRecords, batch_of
from radgate_server.lib.clock import Clock
from radgate_server.services.retrieve.retrieval import Delivery, Retrieval, RetrieveService

_OF_THE_PACS = (
    NoPacsConfiguredError,
    PacsBusyError,
    PacsCircuitOpenError,
    PacsTimeoutError,
    PacsUnreachableError,
)
"""Errors that the next study would meet as well: the job ends, and is begun again a few times."""

_OUTCOMES: Mapping[type[GatewayError], PrefetchOutcome] = {
    ObjectRejectedError: PrefetchOutcome.REJECTED,
    ObjectNotFoundError: PrefetchOutcome.NOT_FOUND,
}

type IsErased = Callable[[str, str], Awaitable[bool]]
"""(tenant, Study Instance UID): whether an erasure names the study."""


class PrefetchTelemetry(Protocol):
    """What is counted of prefetched studies; cheap, never fails."""

    def study_prefetched(self, outcome: str, fetched_bytes: int) -> None:
        """A study came to this end, a PrefetchOutcome, and so much of it was fetched."""
        ...


class StudyPrefetcher:
    """JobHandler of PREFETCH_STUDIES. What became of each study is recorded for `retained_days` days.

    Studies that have a record of the same batch are not looked at again: the job was begun before.
    """

    def __init__(
        self,
        retrieve: RetrieveService,
        records: PrefetchRecords,
        is_erased: IsErased,
        clock: Clock,
        telemetry: PrefetchTelemetry,
        *,
        retained_days: int,
    ) -> None:
        self._retrieve = retrieve
        self._records = records
        self._is_erased = is_erased
        self._clock = clock
        self._telemetry = telemetry
        self._retained = timedelta(days=retained_days)

    async def run(self, request: JobRequest, report: Report) -> None:
        """Prefetch what is left of the batch.

        Raises:
            PacsError: no PACS answers for now.
            DatabaseUnavailableError: nothing can be recorded.
        """
        batch = batch_of(request.parameters)
        await self._records.prune(self._clock.now() - self._retained)
        ended = {row.study_instance_uid: row for row in await self._records.of_batch(request.tenant_id, batch.batch_id)}
        tally = _Tally(report)
        for row in ended.values():
            tally.take_over(row)
        await tally.publish_progress()
        for study in batch.studies:
            if study not in ended:
                blank = PrefetchedStudy(
                    request.tenant_id, batch.batch_id, study, self._clock.now(), batch.source, PrefetchOutcome.FETCHED
                )
                row = await self._prefetch(blank, tally)
                await self._records.add(replace(row, time=self._clock.now()))
                self._telemetry.study_prefetched(row.outcome.value, row.fetched_bytes)

    async def _prefetch(self, row: PrefetchedStudy, tally: "_Tally") -> PrefetchedStudy:
        if await self._is_erased(row.tenant_id, row.study_instance_uid):
            return replace(row, outcome=PrefetchOutcome.ERASED)
        try:
            async with self._retrieve.open(row.tenant_id, RetrieveScope(row.study_instance_uid)) as retrieval:
                return await _fetch(retrieval, row, tally)
        except _OF_THE_PACS:
            raise
        except GatewayError as error:
            outcome = _OUTCOMES.get(type(error), PrefetchOutcome.FAILED)
            return replace(row, outcome=outcome, reason=describe_failure(error).reason)


async def _fetch(retrieval: Retrieval, row: PrefetchedStudy, tally: "_Tally") -> PrefetchedStudy:
    listed, cached = len(retrieval.listed), len(retrieval.near)
    await tally.begin(listed, cached)
    row = replace(row, instances=listed)
    if cached == listed:
        return replace(row, outcome=PrefetchOutcome.CACHED)
    study = _Study(frozenset(retrieval.near))
    async with aclosing(aiter(retrieval)) as deliveries:
        async for delivery in deliveries:
            if delivery.ref not in study.near:
                study.add(delivery)
                await tally.add(delivery)
    return replace(
        row,
        outcome=study.outcome,
        reason=study.reason,
        fetched_instances=study.fetched,
        failed_instances=study.failed,
        fetched_bytes=study.fetched_bytes,
    )


@dataclass(slots=True)
class _Study:
    """What came of one study, beside what was cached: `near`."""

    near: frozenset[object]
    fetched: int = 0
    failed: int = 0
    fetched_bytes: int = 0
    reason: str = ""
    is_stored: bool = True

    def add(self, delivery: Delivery) -> None:
        if isinstance(delivery, FailedInstance):
            self.failed += 1
            self.reason = self.reason or describe_failure(delivery.error).reason
            return
        self.fetched += 1
        self.fetched_bytes += delivery.size_bytes
        self.is_stored = self.is_stored and not isinstance(delivery, MemoryInstance)

    @property
    def outcome(self) -> PrefetchOutcome:
        if self.failed:
            return PrefetchOutcome.INCOMPLETE
        return PrefetchOutcome.FETCHED if self.is_stored else PrefetchOutcome.NOT_STORED


@dataclass(slots=True)
class _Tally:
    """Counts the instances of the studies that were listed so far, and reports to the queue."""

    report: Report
    done: int = 0
    total: int = 0
    fetched_bytes: int = 0
    failures: Counter[str] = field(default_factory=Counter)

    def take_over(self, row: PrefetchedStudy) -> None:
        """A study is done since before."""
        self.total += row.instances
        self.done += row.instances - row.failed_instances
        self.fetched_bytes += row.fetched_bytes
        if row.failed_instances:
            self.failures[row.reason] += row.failed_instances

    async def begin(self, listed: int, cached: int) -> None:
        """A study has so many instances, of which so many are there."""
        self.total += listed
        self.done += cached
        await self.publish_progress()

    async def add(self, delivery: Delivery) -> None:
        """An instance came, or did not."""
        if isinstance(delivery, FailedInstance):
            self.failures[describe_failure(delivery.error).reason] += 1
        else:
            self.done += 1
            self.fetched_bytes += delivery.size_bytes
        await self.publish_progress()

    async def publish_progress(self) -> None:
        """Report the counts as they are."""
        progress = JobProgress(self.done, self.failures.total(), self.total, self.fetched_bytes)
        await self.report(progress, dict(self.failures))
