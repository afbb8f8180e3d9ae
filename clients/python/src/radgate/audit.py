"""The audit trail, for ordinary code and for asyncio."""

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

import grpc

from radgate.errors import UnavailableError
from radgate.v1 import audit_service_pb2 as messages
from radgate.v1.audit_service_pb2_grpc import AuditServiceStub

_PAGE = 500
_KINDS = {
    "patient-access": messages.AUDIT_REPORT_KIND_PATIENT_ACCESS,
    "user-activity": messages.AUDIT_REPORT_KIND_USER_ACTIVITY,
    "study-access": messages.AUDIT_REPORT_KIND_STUDY_ACCESS,
    "unusual-access": messages.AUDIT_REPORT_KIND_UNUSUAL_ACCESS,
}
_FORMATS = {
    "json": messages.AUDIT_REPORT_FORMAT_JSON,
    "csv": messages.AUDIT_REPORT_FORMAT_CSV,
    "pdf": messages.AUDIT_REPORT_FORMAT_PDF,
}

type Call = Callable[[Callable[..., Any], object], Any]
"""Makes a unary call of a client."""
type Stream = Callable[[Callable[..., Any], object, Any, float | None], Any]
"""Makes a streaming call of a client."""


class PieceAssembler:
    """Hands out the data of each message."""

    def feed(self, response: Any) -> bytes:
        """The next piece of the document."""
        data: bytes = response.data
        return data

    def finish(self) -> None:
        """Nothing: a document that breaks off ends with an error."""


class VerdictAssembler:
    """Hands out progress and, last, the verdict."""

    def __init__(self) -> None:
        self._ended = False

    def feed(self, response: messages.VerifyAuditTrailResponse) -> messages.VerifyProgress | messages.VerifyVerdict:
        """How far it is, or what was found."""
        self._ended = response.HasField("verdict")
        return response.verdict if self._ended else response.progress

    def finish(self) -> None:
        """Insist on a verdict. Raises UnavailableError."""
        if not self._ended:
            raise UnavailableError("the server ended the verification before its verdict; begin another one")


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

        `fields` are those of SearchAuditRecordsRequest: user, patient_id, study_instance_uid, actions, outcome ...
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
        response = self._call(self._stub.ListAuditCheckpoints, messages.ListAuditCheckpointsRequest())
        return tuple(response.checkpoints)

    def schedules(self) -> Sequence[messages.ReportSchedule]:
        """Reports that are made at regular times, and how the last run of each went."""
        return tuple(self._call(self._stub.ListReportSchedules, messages.ListReportSchedulesRequest()).schedules)


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
        response = await self._call(self._stub.ListAuditCheckpoints, messages.ListAuditCheckpointsRequest())
        return tuple(response.checkpoints)

    async def schedules(self) -> Sequence[messages.ReportSchedule]:
        """Reports that are made at regular times, and how the last run of each went."""
        response = await self._call(self._stub.ListReportSchedules, messages.ListReportSchedulesRequest())
        return tuple(response.schedules)


def search_request(
    since: datetime | None, until: datetime | None, fields: dict[str, Any]
) -> messages.SearchAuditRecordsRequest:
    """Ask for records. Raises ValueError for a field that is none."""
    return messages.SearchAuditRecordsRequest(page_size=_PAGE, since=since, until=until, **fields)


def report_request(
    kind: str, subject: str, format_: str, since: datetime | None, until: datetime | None, time_zone: str
) -> messages.MakeAuditReportRequest:
    """Ask for a report. Raises ValueError for a kind or format that is none."""
    if kind not in _KINDS or format_ not in _FORMATS:
        raise ValueError(f"kind must be one of {', '.join(_KINDS)}, and format one of {', '.join(_FORMATS)}")
    spec = messages.AuditReportSpec(kind=_KINDS[kind], subject=subject, format=_FORMATS[format_], time_zone=time_zone)
    return messages.MakeAuditReportRequest(spec=spec, since=since, until=until)
