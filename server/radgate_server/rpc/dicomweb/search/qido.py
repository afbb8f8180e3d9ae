"""QIDO-RS (PS3.18 10.6): searches answered in the DICOM JSON model."""

from struct import Struct

from radgate_server.core.audit.record import AuditAction
from radgate_server.core.audit.studies_of_matches import list_of
from radgate_server.core.audit.studies_shown import NOTHING_SHOWN, ShownList, from_bytes
from radgate_server.core.cache.ports.tiers import CacheKey, HotCache
from radgate_server.core.dicom.data_sets import DicomJson, first_value
from radgate_server.core.dicom.identifiers import QueryLevel, parse_scope
from radgate_server.core.query.json_text import check_answer_size, match_text
from radgate_server.rpc.dicomweb.answers.http_body import encode_http_body
from radgate_server.rpc.dicomweb.answers.warnings import MORE_RESULTS, search_warnings
from radgate_server.rpc.dicomweb.negotiation.accept import acceptables
from radgate_server.rpc.dicomweb.negotiation.base_url import BaseUrl
from radgate_server.rpc.dicomweb.negotiation.media_types import negotiate_json
from radgate_server.rpc.dicomweb.search.query import asked_name, asked_patient, parse_search
from radgate_server.rpc.pipeline.call import Call
from radgate_server.rpc.pipeline.warning_header import warning_header
from radgate_server.services.access.caller_search import CallerSearch
from radgate_server.services.audit.recording import AuditedPatient, Auditor
from radgate_server.services.query.search import QueryPage

_RETRIEVE_URL = "00081190"
_PLACES = (("studies", "0020000D"), ("series", "0020000E"), ("instances", "00080018"))
_DEPTH = {QueryLevel.STUDY: 1, QueryLevel.SERIES: 2, QueryLevel.IMAGE: 3}

_MAX_KEY_LENGTH = 2048
_HEAD = Struct(">?I")


class SearchResource:
    """Answers searches; whole answers are kept encoded for `ttl_s` seconds under their very query string.

    Those to callers who are restricted to some studies are for nobody else, and are neither kept nor given from there.
    """

    def __init__(
        self,
        query: CallerSearch,
        auditor: Auditor,
        hot: HotCache,
        *,
        max_limit: int,
        ttl_s: float,
        base_url: BaseUrl,
    ) -> None:
        self._query = query
        self._auditor = auditor
        self._hot = hot
        self._max_limit = max_limit
        self._ttl_s = ttl_s
        self._base_url = base_url

    async def search(self, level: QueryLevel, study: str, series: str, call: Call) -> bytes:
        """The matches as one encoded HttpBody; warnings go out as response headers before it."""
        scope = parse_scope(study, series) if study else None
        original_path = call.header("x-envoy-original-path")
        content_type = negotiate_json(acceptables(call.header("accept"), original_path))
        query_string = original_path.partition("?")[2]
        base = self._base_url.of(call.header)
        detail = f"{level}/{series}?{query_string}\n{base}\n{content_type}"
        key = CacheKey(call.caller.tenant_id, study, "qido", detail)
        shared = call.caller.principal.restriction is None
        mark = self._hot.mark()
        kept = await self._hot.get(key) if shared else None
        if kept is None:
            search = parse_search(level, study, series, query_string, max_limit=self._max_limit)
            page = await self._query.search(call.caller, search.query, search.page)
            message = encode_http_body(content_type, render_matches(page, level, base))
            check_answer_size(len(message), "limit")
            shown = NOTHING_SHOWN if scope else list_of(match.attributes for match in page.matches)
            warnings = [*search_warnings(search, page)]
            if shared and not warnings and self._ttl_s and len(detail) <= _MAX_KEY_LENGTH:
                await self._hot.put(mark, key, _pack(shown, message, has_more=page.has_more), self._ttl_s)
            has_more = page.has_more
        else:
            shown, message, has_more = _unpack(kept)
            warnings = []
        detail = await self._auditor.record_list(call.caller, level, shown)
        await self._auditor.record(
            call.caller,
            AuditAction.QUERY,
            scope,
            detail,
            patient=AuditedPatient(asked_patient(query_string), asked_name(query_string)),
            size_bytes=len(message),
        )
        if has_more:
            warnings.append(MORE_RESULTS)
        if warnings:
            await call.send_initial_metadata([warning_header(text) for text in warnings])
        return message


def _pack(shown: ShownList, message: bytes, *, has_more: bool) -> bytes:
    """A cached answer: whether there is more, the length of the list of what it shows, that list, the message."""
    listed = shown.to_bytes()
    return _HEAD.pack(has_more, len(listed)) + listed + message


def _unpack(kept: bytes) -> tuple[ShownList, bytes, bool]:
    has_more, length = _HEAD.unpack_from(kept)
    start = _HEAD.size + length
    return from_bytes(kept[_HEAD.size : start]), kept[start:], has_more


def render_matches(page: QueryPage, level: QueryLevel, base: str) -> bytes:
    """A JSON array of data sets, each with its Retrieve URL, attributes in the order of their tags."""
    matches = (match_text(_with_retrieve_url(match.attributes, level, base)) for match in page.matches)
    return f"[{','.join(matches)}]".encode()


def _with_retrieve_url(attributes: DicomJson, level: QueryLevel, base: str) -> DicomJson:
    place = "".join(f"/{name}/{first_value(attributes, tag)}" for name, tag in _PLACES[: _DEPTH[level]])
    url = {_RETRIEVE_URL: {"vr": "UR", "Value": [f"{base}/dicom-web{place}"]}}
    return {**attributes, **url}
