"""Makes reports, in pieces: what is held in memory does not grow with the trail."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from radgate_server.core.access.tenancy import Caller
from radgate_server.core.audit.search import AuditCriteria, AuditRecord
from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.reports.ports.delivery import ReportWriter, ReportWriters
from radgate_server.core.reports.spec import Period, ReportHead, ReportKind, ReportSpec, check_spec, criteria_of
from radgate_server.core.reports.tables import RECORD_COLUMNS, SUMMARY_COLUMNS, Summary, Table, record_row
from radgate_server.core.reports.unusual import FINDING_COLUMNS, MANY, MANY_TIMES, UnusualAccess
from radgate_server.lib.clock import Clock
from radgate_server.services.audit.search import MAX_STUDIES, AuditReader
from radgate_server.settings.reports import ReportSettings


class _Work(NamedTuple):
    """One report that is being made."""

    head: ReportHead
    criteria: AuditCriteria
    writer: ReportWriter


class ReportMaker:
    """Makes reports on a tenant's trail; that is recorded first."""

    def __init__(self, reader: AuditReader, writers: ReportWriters, settings: ReportSettings, clock: Clock) -> None:
        self._reader = reader
        self._writers = writers
        self._settings = settings
        self._clock = clock

    async def make(
        self, caller: Caller, spec: ReportSpec, since: datetime | None, until: datetime | None
    ) -> AsyncGenerator[bytes]:
        """Yield the document in pieces. Close it when it is not read to its end.

        Raises:
            InvalidArgumentError: the report can't be made of that.
            AuditUnavailableError: it could not be recorded.
            DatabaseUnavailableError: the trail can't be read.
        """
        check_spec(spec)
        now = self._clock.now()
        period = _period(spec.kind, since, until or now)
        await self._reader.record(caller, criteria_of(spec, period), f"report {spec.kind.value}")
        position = await self._reader.catch_up(caller.tenant_id)
        studies: tuple[str, ...] = ()
        if spec.kind is ReportKind.PATIENT_ACCESS:
            studies = await self._reader.studies_of(caller.tenant_id, spec.subject, position)
        zone = self._settings.zone_of(caller.tenant_id, spec.time_zone)
        head = ReportHead(spec, caller.tenant_id, period, zone, now, position)
        # Without an end it covers all up to the position: a record's time and ours may be those of different clocks.
        criteria = replace(criteria_of(spec, period, studies), until=until)
        work = _Work(head, criteria, self._writers[spec.format]())
        pieces = self._unusual(work) if spec.kind is ReportKind.UNUSUAL_ACCESS else self._accesses(work)
        async with aclosing(pieces):
            async for piece in pieces:
                yield piece

    async def _accesses(self, work: _Work) -> AsyncGenerator[bytes]:
        """A row for each record, and who accessed what in summary."""
        head, criteria, writer = work
        summary = Summary(head.zone)
        yield writer.begin(head, RECORD_COLUMNS)
        async with aclosing(self._reader.walk(head.tenant_id, criteria, head.position)) as walk:
            async for records in walk:
                if piece := await asyncio.to_thread(_take, writer, summary, records, head):
                    yield piece
        notes = [head.complete]
        if len(criteria.studies_of_patient) >= MAX_STUDIES:
            notes.append(f"Of more than {MAX_STUDIES} studies, records that do not name the patient are left out.")
        yield await asyncio.to_thread(writer.end, Table(SUMMARY_COLUMNS, summary.rows()), notes)

    async def _unusual(self, work: _Work) -> AsyncGenerator[bytes]:
        """A row for each finding."""
        head, criteria, writer = work
        night = self._settings.night
        finder = UnusualAccess(head.period, head.zone, night)
        usual = replace(criteria, since=finder.usual_since)
        async with aclosing(self._reader.walk(head.tenant_id, usual, head.position)) as walk:
            async for records in walk:
                await asyncio.to_thread(finder.take, records)
        yield writer.begin(head, FINDING_COLUMNS)
        rows = await asyncio.to_thread(finder.rows)
        yield await asyncio.to_thread(writer.rows, rows)
        notes = [head.complete, f"Much: more than {MANY} studies a day, and more than {MANY_TIMES:g} times the usual."]
        if finder.left_out:
            notes.append(f"{finder.left_out} accesses more are unusual, and have no row.")
        yield await asyncio.to_thread(writer.end, None, notes)


def _take(writer: ReportWriter, summary: Summary, records: Sequence[AuditRecord], head: ReportHead) -> bytes:
    summary.take(records)
    return writer.rows([record_row(record, head.zone) for record in records])


def _period(kind: ReportKind, since: datetime | None, until: datetime) -> Period:
    if since is None and kind is ReportKind.UNUSUAL_ACCESS:
        raise InvalidArgumentError("since", "is required for unusual access")
    if since is not None and since >= until:
        raise InvalidArgumentError("until", "must be later than since")
    return Period(since, until)
