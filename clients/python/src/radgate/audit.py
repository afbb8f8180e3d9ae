"""The audit trail, for ordinary code and for asyncio."""

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

import grpc

from radgate.audit_assembly import PieceAssembler, VerdictAssembler
from radgate.audit_requests import (
    report_request,
    schedule_request,
    schedule_update_request,
    search_request,
)
from radgate.paging import list_all, list_all_async
from radgate.v1 import audit_service_pb2 as messages
from radgate.v1.audit_service_pb2_grpc import AuditServiceStub

type Call = Callable[[Callable[..., Any], object], Any]
"""Makes a unary call of a client."""
type Stream = Callable[[Callable[..., Any], object, Any, float | None], Any]
"""Makes a streaming call of a client."""


class Audit:
    """The tenant's audit trail, for auditors and admins. Whatever is read here is recorded there."""

    def __init__(self, channel: grpc.Channel, call: Call, stream: Stream) -> None:
        self._stub: Any = AuditServiceStub(channel)  # type: ignore[no-untyped-call]
        self._call = call
        self._stream = stream

    def search(
        self, *, since: datetime | None = None, until: datetime | None = None, **fields: Any
    ) -> Iterator[messages.AuditRecord]:
        """Find records, the newest first, page by page as they are consumed.

        `fields` are those of SearchAuditRecordsRequest: user, patient_id, study_instance_uid, actions, outcome ...;
        actions and outcome are words such as "retrieve-frames" and "denied", or values of their enums.
        """
        request = search_request(since, until, fields)
        while True:
            page = self._call(self._stub.SearchAuditRecords, request)
            yield from page.records
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def report(
        self,
        kind: str,
        subject: str = "",
        *,
        format: str = "json",  # noqa: A002 (what people call it)
        since: datetime | None = None,
        until: datetime | None = None,
        time_zone: str = "",
        timeout_s: float | None = None,
    ) -> Iterator[bytes]:
        """Make a report, in pieces to be joined: "patient-access", "user-activity", "study-access", "unusual-access".

        `subject` is a Patient ID, a user or a Study Instance UID; `format` is "json", "csv" or "pdf".
        """
        request = report_request(kind, subject, format, since, until, time_zone)
        pieces: Iterator[bytes] = self._stream(self._stub.MakeAuditReport, request, PieceAssembler(), timeout_s)
        return pieces

    def verify(self, *, timeout_s: float | None = None) -> Iterator[messages.VerifyProgress | messages.VerifyVerdict]:
        """Follow the chain from its first record: how far it is and, last, what was found."""
        news: Iterator[Any] = self._stream(
            self._stub.VerifyAuditTrail, messages.VerifyAuditTrailRequest(), VerdictAssembler(), timeout_s
        )
        return news

    def checkpoints(self) -> Sequence[messages.AuditCheckpoint]:
        """The signed checkpoints of the chain, the oldest first."""
        request = messages.ListAuditCheckpointsRequest()
        return list_all(self._call, self._stub.ListAuditCheckpoints, request, "checkpoints")

    def schedules(self) -> Sequence[messages.ReportSchedule]:
        """Reports that are made at regular times, and how the last run of each went."""
        request = messages.ListReportSchedulesRequest()
        return list_all(self._call, self._stub.ListReportSchedules, request, "schedules")

    def create_schedule(
        self,
        name: str,
        kind: str,
        subject: str = "",
        *,
        every: str,
        receivers: Sequence[str],
        format: str = "pdf",  # noqa: A002
        day: int = 0,
        time_of_day: str = "06:00",
        time_zone: str = "",
    ) -> messages.ReportSchedule:
        """Let a report be made at regular times and delivered to receivers that the server's settings name.

        `kind`, `subject` and `format` are those of `report`; `every` is "daily", "weekly" or "monthly", `day` that of
        the week from Monday, 1, or of the month up to 28, 0 meaning 1. Needs the role admin, as deleting does.
        """
        request = schedule_request(name, (kind, subject, format, time_zone), every, day, time_of_day, receivers)
        response: messages.CreateReportScheduleResponse = self._call(self._stub.CreateReportSchedule, request)
        return response.schedule

    def update_schedule(self, name: str, **changes: Any) -> messages.ReportSchedule:
        """Change a schedule: `kind`, `subject` and all that `create_schedule` takes; what is not named stays.

        It runs next when the changed one is due. Needs the role admin.
        """
        request = schedule_update_request(name, changes)
        response: messages.UpdateReportScheduleResponse = self._call(self._stub.UpdateReportSchedule, request)
        return response.schedule

    def run_schedule(self, name: str) -> messages.ReportSchedule:
        """Let the report be made as soon as a server has time, for the period that would be due now."""
        request = messages.RunReportScheduleRequest(name=name)
        response: messages.RunReportScheduleResponse = self._call(self._stub.RunReportSchedule, request)
        return response.schedule

    def delete_schedule(self, name: str) -> None:
        """Make the report no more at regular times."""
        self._call(self._stub.DeleteReportSchedule, messages.DeleteReportScheduleRequest(name=name))


class AsyncAudit:
    """The same for asyncio."""

    def __init__(self, channel: grpc.aio.Channel, call: Call, stream: Stream) -> None:
        self._stub: Any = AuditServiceStub(channel)  # type: ignore[no-untyped-call]
        self._call = call
        self._stream = stream

    async def search(
        self, *, since: datetime | None = None, until: datetime | None = None, **fields: Any
    ) -> AsyncGenerator[messages.AuditRecord]:
        """Find records; see Audit.search."""
        request = search_request(since, until, fields)
        while True:
            page = await self._call(self._stub.SearchAuditRecords, request)
            for record in page.records:
                yield record
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def report(
        self,
        kind: str,
        subject: str = "",
        *,
        format: str = "json",  # noqa: A002
        since: datetime | None = None,
        until: datetime | None = None,
        time_zone: str = "",
        timeout_s: float | None = None,
    ) -> AsyncGenerator[bytes]:
        """Make a report, in pieces to be joined; see Audit.report."""
        request = report_request(kind, subject, format, since, until, time_zone)
        pieces: AsyncGenerator[bytes] = self._stream(self._stub.MakeAuditReport, request, PieceAssembler(), timeout_s)
        return pieces

    def verify(
        self, *, timeout_s: float | None = None
    ) -> AsyncGenerator[messages.VerifyProgress | messages.VerifyVerdict]:
        """Follow the chain from its first record; see Audit.verify."""
        news: AsyncGenerator[Any] = self._stream(
            self._stub.VerifyAuditTrail, messages.VerifyAuditTrailRequest(), VerdictAssembler(), timeout_s
        )
        return news

    async def checkpoints(self) -> Sequence[messages.AuditCheckpoint]:
        """The signed checkpoints of the chain, the oldest first."""
        request = messages.ListAuditCheckpointsRequest()
        return await list_all_async(self._call, self._stub.ListAuditCheckpoints, request, "checkpoints")

    async def schedules(self) -> Sequence[messages.ReportSchedule]:
        """Reports that are made at regular times, and how the last run of each went."""
        request = messages.ListReportSchedulesRequest()
        return await list_all_async(self._call, self._stub.ListReportSchedules, request, "schedules")

    async def create_schedule(
        self,
        name: str,
        kind: str,
        subject: str = "",
        *,
        every: str,
        receivers: Sequence[str],
        format: str = "pdf",  # noqa: A002
        day: int = 0,
        time_of_day: str = "06:00",
        time_zone: str = "",
    ) -> messages.ReportSchedule:
        """Let a report be made and delivered at regular times; see Audit.create_schedule."""
        request = schedule_request(name, (kind, subject, format, time_zone), every, day, time_of_day, receivers)
        response: messages.CreateReportScheduleResponse = await self._call(self._stub.CreateReportSchedule, request)
        return response.schedule

    async def update_schedule(self, name: str, **changes: Any) -> messages.ReportSchedule:
        """Change a schedule; see Audit.update_schedule."""
        request = schedule_update_request(name, changes)
        response: messages.UpdateReportScheduleResponse = await self._call(self._stub.UpdateReportSchedule, request)
        return response.schedule

    async def run_schedule(self, name: str) -> messages.ReportSchedule:
        """Let the report be made as soon as a server has time, for the period that would be due now."""
        request = messages.RunReportScheduleRequest(name=name)
        response: messages.RunReportScheduleResponse = await self._call(self._stub.RunReportSchedule, request)
        return response.schedule

    async def delete_schedule(self, name: str) -> None:
        """Make the report no more at regular times."""
        await self._call(self._stub.DeleteReportSchedule, messages.DeleteReportScheduleRequest(name=name))
