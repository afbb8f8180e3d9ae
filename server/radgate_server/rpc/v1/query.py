"""QueryService: searches by page."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, cast

from google.protobuf.message import Message

from radgate.v1 import query_service_pb2 as messages
from radgate_server.core.audit.record import AuditAction
from radgate_server.core.audit.studies_of_matches import list_of
from radgate_server.core.audit.studies_shown import NOTHING_SHOWN
from radgate_server.core.dicom.family_name import PATIENT_NAME
from radgate_server.core.dicom.identifiers import QueryLevel, RetrieveScope
from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.query.json_text import check_answer_size
from radgate_server.core.query.model import Query
from radgate_server.rpc.pipeline.call import Call
from radgate_server.rpc.v1.convert.common import to_instance, to_query, to_series, to_study
from radgate_server.rpc.v1.enum_words import ERROR_REASONS, QUERY_WARNING_REASONS
from radgate_server.rpc.v1.streams.page_token import requested_page
from radgate_server.services.access.caller_search import CallerSearch
from radgate_server.services.audit.recording import AuditedPatient, Auditor
from radgate_server.services.cache.watching import StudyChangePublisher, StudyEvent
from radgate_server.services.query.known_studies import PATIENT_ID
from radgate_server.services.query.search import Page, QueryPage, QueryWarning

type SearchRequest = messages.SearchStudiesRequest | messages.SearchSeriesRequest | messages.SearchInstancesRequest

_PARENTS = {"study_instance_uid": "0020000D", "series_instance_uid": "0020000E"}


class QueryServicer:
    """radgate.v1.QueryService."""

    def __init__(self, query: CallerSearch, study_changes: StudyChangePublisher, auditor: Auditor) -> None:
        self._query = query
        self._study_changes = study_changes
        self._auditor = auditor

    async def SearchStudies(  # noqa: N802 (rpcs keep their names)
        self, request: messages.SearchStudiesRequest, call: Call
    ) -> messages.SearchStudiesResponse:
        """Search studies."""
        page, rest = await self._search(QueryLevel.STUDY, request, call)
        return _bounded(messages.SearchStudiesResponse(studies=map(to_study, page.matches), **rest))

    async def SearchSeries(  # noqa: N802
        self, request: messages.SearchSeriesRequest, call: Call
    ) -> messages.SearchSeriesResponse:
        """Search series."""
        page, rest = await self._search(QueryLevel.SERIES, request, call)
        return _bounded(messages.SearchSeriesResponse(series=map(to_series, page.matches), **rest))

    async def SearchInstances(  # noqa: N802
        self, request: messages.SearchInstancesRequest, call: Call
    ) -> messages.SearchInstancesResponse:
        """Search instances."""
        page, rest = await self._search(QueryLevel.IMAGE, request, call)
        return _bounded(messages.SearchInstancesResponse(instances=map(to_instance, page.matches), **rest))

    async def WatchStudies(  # noqa: N802
        self, _request: messages.WatchStudiesRequest, call: Call
    ) -> AsyncGenerator[messages.WatchStudiesResponse]:
        """Return which studies change, until the client leaves."""
        with self._study_changes.watch(call.caller.tenant_id) as watcher:
            await self._auditor.record(call.caller, AuditAction.QUERY, None, "watch studies")
            yield messages.WatchStudiesResponse(begun=messages.WatchBegun())
            async with aclosing(aiter(watcher)) as events:
                async for item in events:
                    if item is not None:
                        await self._record_event(call, item)
                    yield _to_response(item)

    async def _record_event(self, call: Call, event: StudyEvent) -> None:
        """The stream names the study, so that is recorded before it leaves."""
        scope = RetrieveScope(event.study_instance_uid)
        await self._auditor.record(call.caller, AuditAction.LIST, scope, "study changed", pacs=event.pacs)

    async def _search(self, level: QueryLevel, request: SearchRequest, call: Call) -> tuple[QueryPage, dict[str, Any]]:
        """Find one page; also what all three responses have in common."""
        query, scope = _read_query(level, request)
        asked = requested_page(request, call.caller.tenant_id)
        page = await self._query.search(call.caller, query, Page(asked.start, asked.end - asked.start))
        shown = NOTHING_SHOWN if scope else list_of(match.attributes for match in page.matches)
        detail = await self._auditor.record_list(call.caller, level.value, shown)
        await self._auditor.record(
            call.caller,
            AuditAction.QUERY,
            scope,
            detail,
            patient=AuditedPatient(query.value_of(PATIENT_ID), query.value_of(PATIENT_NAME)),
        )
        return page, {
            "next_page_token": asked.following if page.has_more else "",
            "warnings": map(_to_warning, page.warnings),
        }


def _bounded[Response: Message](response: Response) -> Response:
    check_answer_size(response.ByteSize(), "page_size")
    return response


def _to_warning(warning: QueryWarning) -> messages.QueryWarning:
    """Render a warning. What is no reason of its own is that of the error with which a PACS failed."""
    return messages.QueryWarning(
        pacs=warning.pacs,
        reason=QUERY_WARNING_REASONS.number(warning.reason) or messages.QUERY_WARNING_REASON_PACS_FAILED,
        message=warning.message,
        error_reason=ERROR_REASONS.number(warning.reason),
    )


def _to_response(event: StudyEvent | None) -> messages.WatchStudiesResponse:
    if event is None:
        return messages.WatchStudiesResponse(missed=messages.NewsMissed())
    changed = messages.StudyChanged(study_instance_uid=event.study_instance_uid, pacs=event.pacs, removed=event.removed)
    return messages.WatchStudiesResponse(changed=changed)


def _read_query(level: QueryLevel, request: SearchRequest) -> tuple[Query, RetrieveScope | None]:
    """Check the request; also the part of the information model that it looks into, for the audit trail."""
    study, series = (cast("str", getattr(request, field, "")) for field in _PARENTS)
    if series and not study:
        raise InvalidArgumentError("study_instance_uid", "must be given with series_instance_uid")
    parents = {field: (tag, uid) for (field, tag), uid in zip(_PARENTS.items(), (study, series), strict=True)}
    query = to_query(
        level, request.keys, request.include_fields, fuzzy_matching=request.fuzzy_matching, parents=parents
    )
    return query, RetrieveScope(study, series or None) if study else None
