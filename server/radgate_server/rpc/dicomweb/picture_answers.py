"""Pictures on their way out: kept ready to be sent again, told apart by an ETag, each delivery recorded."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from hashlib import sha256

from radgate_server.core.audit import AuditAction
from radgate_server.core.identifiers import RetrieveScope
from radgate_server.core.ports.cache import CacheKey, HotCache
from radgate_server.rpc.call import Call
from radgate_server.rpc.dicomweb.http_body import encode_http_body, split_http_bodies
from radgate_server.rpc.dicomweb.multipart import Envelope, part_messages
from radgate_server.rpc.dicomweb.query_string import query_of
from radgate_server.services.auditing import Auditor
from radgate_server.services.single_flight import SingleFlight

_TAG_BYTES = 16
_MAX_DETAIL_LENGTH = 200
_MAX_KEY_LENGTH = 2048

type Kept = bytes
"""A tag of _TAG_BYTES ASCII characters, then encoded HttpBody messages end to end."""

type Render = Callable[[], Awaitable[tuple[str, bytes, bool]]]
"""Makes a picture; its media type, its bytes, and whether it may be kept."""


class PictureAnswers:
    """A kept answer is found by the request as it came, before anything of it is parsed.

    Clients keep pictures too, but have to ask each time whether theirs is still good: that is answered 304, and
    recorded, without sending it again.
    """

    def __init__(self, auditor: Auditor, hot: HotCache, *, chunk_bytes: int, max_kept_bytes: int) -> None:
        self._auditor = auditor
        self._hot = hot
        self._chunk_bytes = chunk_bytes
        self._max_kept_bytes = max_kept_bytes
        self._flights: SingleFlight[CacheKey, Kept] = SingleFlight()

    async def kept(self, key: CacheKey) -> Kept | None:
        """The answer that was given to such a request before."""
        return await self._hot.get(key)

    async def make(self, key: CacheKey, render: Render, ttl_s: float | None = None) -> Kept:
        """Make an answer of one picture, once for all who ask just now; it is kept, for `ttl_s` seconds if given."""
        return await self._flights.run(key, lambda: self._make(key, render, ttl_s))

    async def _make(self, key: CacheKey, render: Render, ttl_s: float | None) -> Kept:
        media_type, data, lasting = await render()
        messages = part_messages(Envelope(media_type), data, first=True, last=True, chunk_bytes=self._chunk_bytes)
        body = b"".join(messages)
        kept = sha256(body).hexdigest()[:_TAG_BYTES].encode() + body
        if lasting and len(kept) <= self._max_kept_bytes and len(key.detail) <= _MAX_KEY_LENGTH:
            await self._hot.put(key, kept, ttl_s)
        return kept

    async def send(self, kept: Kept, scope: RetrieveScope, detail: str, call: Call) -> AsyncGenerator[bytes]:
        """Record the delivery, then yield the messages but for the last, which leaves with the status."""
        await self.record(call, scope, detail)
        tag = f'"{kept[:_TAG_BYTES].decode()}"'
        if tag in call.header("if-none-match"):
            await call.send_initial_metadata((("x-http-status", "304"), ("etag", tag)))
            call.response = encode_http_body("", b"")
            return
        await call.send_initial_metadata((("etag", tag),))
        *before, call.response = split_http_bodies(kept[_TAG_BYTES:])
        for message in before:
            yield message

    async def record(self, call: Call, scope: RetrieveScope, detail: str) -> None:
        """Record that a picture is about to be given; `detail` names the frames."""
        await self._auditor.record(call.caller, AuditAction.RENDER, scope, detail[:_MAX_DETAIL_LENGTH])


def request_key(kind: str, call: Call, study: str, path: str) -> CacheKey:
    """The name of an answer: whatever of the request it may depend on."""
    query = query_of(call.header("x-envoy-original-path"))
    return CacheKey(call.caller.tenant_id, study, kind, f"{path}?{query}\n{call.header('accept')}")
