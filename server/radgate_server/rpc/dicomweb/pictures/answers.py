"""Outgoing pictures: cached ready to be sent again, distinguished by an ETag, each delivery recorded."""

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from radgate_server.core.audit.record import AuditAction
from radgate_server.core.cache.ports.tiers import CacheKey, CacheMark, HotCache
from radgate_server.core.dicom.identifiers import RetrieveScope
from radgate_server.core.imaging.annotated_bytes import AnnotatedBytes
from radgate_server.lib.single_flight import SingleFlight
from radgate_server.rpc.access.audited import record_stream
from radgate_server.rpc.dicomweb.answers.cached_answer import entity_tag
from radgate_server.rpc.dicomweb.answers.http_body import encode_http_body, etag_of, split_http_bodies, with_etag
from radgate_server.rpc.dicomweb.answers.warnings import note_warnings
from radgate_server.rpc.dicomweb.negotiation.query_string import query_of
from radgate_server.rpc.pipeline.call import Call
from radgate_server.rpc.pipeline.messages import spans_of
from radgate_server.services.audit.recording import Auditor

_MAX_DETAIL_LENGTH = 200
_MAX_KEY_LENGTH = 2048

type Kept = bytes
"""Encoded HttpBody messages end to end, noted (core.imaging.noted)."""


class Picture(NamedTuple):
    """What was made, and whether it may be kept."""

    media_type: str
    made: AnnotatedBytes
    lasting: bool


type Render = Callable[[], Awaitable[Picture]]


class PictureAnswers:
    """A cached answer is found by the request as it came, before anything of it is parsed.

    Clients keep pictures too, but have to ask each time whether theirs is still good: that is answered 304, and
    recorded, without sending it again.
    """

    def __init__(self, auditor: Auditor, hot: HotCache, *, chunk_bytes: int, max_kept_bytes: int) -> None:
        self._auditor = auditor
        self._hot = hot
        self._chunk_bytes = chunk_bytes
        self._max_kept_bytes = max_kept_bytes
        self._flights: SingleFlight[tuple[CacheKey, int], Kept] = SingleFlight()

    async def kept(self, key: CacheKey) -> Kept | None:
        """The answer that was given to such a request before."""
        return await self._hot.get(key)

    async def make(self, key: CacheKey, crc32c: int, render: Render, ttl_s: float | None = None) -> Kept:
        """Make an answer of one picture, once for all who ask just now; it is kept, for `ttl_s` seconds if given.

        `crc32c` is that of the instance: who asks after other bytes were fetched does not get a picture of the old.
        """

        async def make() -> Kept:
            mark = self.mark()
            return await self.keep(mark, key, await render(), ttl_s)

        return await self._flights.run((key, crc32c), make)

    def mark(self) -> CacheMark:
        """What `keep` takes: to be asked for before the picture is."""
        return self._hot.mark()

    async def keep(self, mark: CacheMark, key: CacheKey, picture: Picture, ttl_s: float | None) -> Kept:
        """The answer of a picture, kept unless it is too large, does not last, or was invalidated since the mark."""
        data, notes = picture.made
        content_type = with_etag(picture.media_type, entity_tag(data))
        kept = AnnotatedBytes(_encoded(content_type, data, self._chunk_bytes), notes).joined()
        if picture.lasting and len(kept) <= self._max_kept_bytes and len(key.detail) <= _MAX_KEY_LENGTH:
            await self._hot.put(mark, key, kept, ttl_s)
        return kept

    async def give(self, kept: Kept, scope: RetrieveScope, detail: str, call: Call) -> Sequence[bytes]:
        """Record the delivery; the messages but for the last, which leaves with the status as `call.response`."""
        body, notes = AnnotatedBytes.read(kept)
        known = call.header("if-none-match")
        tag = etag_of(body) if known else ""
        is_known = bool(tag) and tag in known
        await self.record(call, scope, detail, 0 if is_known else len(kept))
        if is_known:
            await call.send_initial_metadata((("x-http-status", "304"), ("etag", tag)))
            call.response = encode_http_body("", b"")
            return ()
        if notes:
            await call.send_initial_metadata(note_warnings(notes))
        *before, call.response = split_http_bodies(body)
        return before

    async def record(self, call: Call, scope: RetrieveScope, detail: str, size_bytes: int | None = None) -> None:
        """Record that a picture is about to be given; `detail` names the frames. None: its size is unknown yet."""
        detail = detail[:_MAX_DETAIL_LENGTH]
        if size_bytes is None:
            await record_stream(self._auditor, call, AuditAction.RENDER, scope, detail)
        else:
            await self._auditor.record(call.caller, AuditAction.RENDER, scope, detail, size_bytes=size_bytes)


def _encoded(content_type: str, data: bytes, chunk_bytes: int) -> bytes:
    """The messages of a body, end to end; mostly that is one."""
    view = memoryview(data)
    return b"".join(
        encode_http_body("" if offset else content_type, view[offset : offset + length])
        for offset, length in spans_of(len(data), chunk_bytes)
    )


def request_key(kind: str, call: Call, study: str, path: str) -> CacheKey:
    """The name of an answer: whatever of the request it may depend on."""
    query = query_of(call.header("x-envoy-original-path"))
    return CacheKey(call.caller.tenant_id, study, kind, f"{path}?{query}\n{call.header('accept')}")
