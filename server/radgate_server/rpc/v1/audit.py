"""AuditService: searches, verification, reports and their schedules."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from google.api.httpbody_pb2 import HttpBody

from radgate.v1 import audit_service_pb2 as messages
from radgate_server.core.reports.spec import CONTENT_TYPES
from radgate_server.rpc.pipeline.call import Call
from radgate_server.rpc.pipeline.messages import spans_of
from radgate_server.rpc.v1.convert.audit import (
    from_search,
    from_time,
    to_checkpoint,
    to_position,
    to_record,
    to_verdict,
)
from radgate_server.rpc.v1.convert.audit_reports import change_plan, from_schedule, from_spec, to_schedule
from radgate_server.rpc.v1.streams.page_token import make_page_token, page_size_of, read_page_token, requested_page
from radgate_server.services.audit.search import AuditReader
from radgate_server.services.audit.verification import AuditVerifier
from radgate_server.services.reports.making import ReportMaker
from radgate_server.services.reports.schedules import ScheduleAdmin

CHUNK_BYTES = 1 << 20

# ruff: noqa: N802 (rpcs keep their names)


class AuditServicer:
    """radgate.v1.AuditService."""

    def __init__(
        self, reader: AuditReader, checker: AuditVerifier, maker: ReportMaker, schedules: ScheduleAdmin
    ) -> None:
        self._reader = reader
        self._checker = checker
        self._maker = maker
        self._schedules = schedules

    async def SearchAuditRecords(
        self, request: messages.SearchAuditRecordsRequest, call: Call
    ) -> messages.SearchAuditRecordsResponse:
        """Search records."""
        tenant_id, size = call.caller.tenant_id, page_size_of(request)
        below = read_page_token(request.page_token, request, tenant_id) or None
        criteria = from_search(request)
        page = await self._reader.search(call.caller, criteria, below=below, size=size)
        return messages.SearchAuditRecordsResponse(
            records=map(to_record, page.records),
            next_page_token=make_page_token(page.next_below, request, tenant_id) if page.next_below else "",
            position=to_position(page.position),
        )

    async def VerifyAuditTrail(
        self, _request: messages.VerifyAuditTrailRequest, call: Call
    ) -> AsyncGenerator[messages.VerifyAuditTrailResponse]:
        """Follow the tenant's chain."""
        async with aclosing(self._checker.verify(call.caller)) as news:
            async for item in news:
                if isinstance(item, tuple):
                    progress = messages.VerifyProgress(done=item[0], total=item[1])
                    yield messages.VerifyAuditTrailResponse(progress=progress)
                else:
                    yield messages.VerifyAuditTrailResponse(verdict=to_verdict(item))

    async def ListAuditCheckpoints(
        self, request: messages.ListAuditCheckpointsRequest, call: Call
    ) -> messages.ListAuditCheckpointsResponse:
        """List the checkpoints of the tenant's chain."""
        page = requested_page(request, call.caller.tenant_id)
        found, following = page.cut(await self._checker.checkpoints(call.caller))
        return messages.ListAuditCheckpointsResponse(checkpoints=map(to_checkpoint, found), next_page_token=following)

    async def MakeAuditReport(self, request: messages.MakeAuditReportRequest, call: Call) -> AsyncGenerator[HttpBody]:
        """Make a report."""
        spec = from_spec(request.spec)
        pieces = self._maker.make(call.caller, spec, from_time(request, "since"), from_time(request, "until"))
        content_type = CONTENT_TYPES[spec.format]
        async with aclosing(pieces):
            async for piece in pieces:
                for offset, length in spans_of(len(piece), CHUNK_BYTES):
                    yield HttpBody(content_type=content_type, data=piece[offset : offset + length])
                    content_type = ""  # the first message has it

    async def CreateReportSchedule(
        self, request: messages.CreateReportScheduleRequest, call: Call
    ) -> messages.CreateReportScheduleResponse:
        """Add a schedule."""
        schedule = request.schedule
        made = await self._schedules.create(call.caller, schedule.name, from_schedule(schedule))
        return messages.CreateReportScheduleResponse(schedule=to_schedule(made))

    async def ListReportSchedules(
        self, request: messages.ListReportSchedulesRequest, call: Call
    ) -> messages.ListReportSchedulesResponse:
        """List the tenant's schedules."""
        page = requested_page(request, call.caller.tenant_id)
        found, following = page.cut(await self._schedules.list_all(call.caller))
        return messages.ListReportSchedulesResponse(schedules=map(to_schedule, found), next_page_token=following)

    async def UpdateReportSchedule(
        self, request: messages.UpdateReportScheduleRequest, call: Call
    ) -> messages.UpdateReportScheduleResponse:
        """Change a schedule."""
        change = change_plan(request.schedule, request.update_mask.paths)
        changed = await self._schedules.update(call.caller, request.schedule.name, change)
        return messages.UpdateReportScheduleResponse(schedule=to_schedule(changed))

    async def DeleteReportSchedule(
        self, request: messages.DeleteReportScheduleRequest, call: Call
    ) -> messages.DeleteReportScheduleResponse:
        """Remove a schedule."""
        await self._schedules.delete(call.caller, request.name)
        return messages.DeleteReportScheduleResponse()

    async def RunReportSchedule(
        self, request: messages.RunReportScheduleRequest, call: Call
    ) -> messages.RunReportScheduleResponse:
        """Let a schedule be due now."""
        schedule = await self._schedules.run(call.caller, request.name)
        return messages.RunReportScheduleResponse(schedule=to_schedule(schedule))
