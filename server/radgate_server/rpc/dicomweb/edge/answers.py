"""Redirects a client to the edge when it asks for that, and answers the edge for the holder of a grant (ADR 62)."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from urllib.parse import quote

from radgate_server.core.audit.record import AuditAction
from radgate_server.core.dicom.identifiers import InstanceRef, RetrieveScope
from radgate_server.core.edge.grant import path_of, resource_of, version_in, version_of
from radgate_server.core.errors import ObjectNotFoundError
from radgate_server.rpc.dicomweb.answers.http_body import encode_http_body, read_http_bodies
from radgate_server.rpc.dicomweb.negotiation.accept import accept_parameter
from radgate_server.rpc.dicomweb.retrieve.frame_paths import parse_ref
from radgate_server.rpc.pipeline.call import EDGE_HEADER, Call
from radgate_server.services.audit.recording import Auditor
from radgate_server.services.edge.urls import EdgeUrls
from radgate_server.services.retrieve.retrieval import RetrieveService

_ROOT = "/dicom-web/"
_MOST_MEASURED_BYTES = 1 << 20


class EdgeAnswers:
    """Stands before the resources of single instances. `urls` is None where there is no edge: nothing changes then."""

    def __init__(self, urls: EdgeUrls | None, retrieve: RetrieveService, auditor: Auditor) -> None:
        self._urls = urls
        self._retrieve = retrieve
        self._auditor = auditor

    def serve(
        self,
        scope: tuple[str, str, str],
        frames: str,
        action: AuditAction,
        call: Call,
        answer: AsyncGenerator[bytes],
    ) -> AsyncGenerator[bytes]:
        """The messages of `answer`, or of what stands for it. `scope` has study, series and instance as requested."""
        if self._urls is None or not scope[2]:
            return answer
        if path := call.header(EDGE_HEADER):
            return self._as_origin(self._urls, parse_ref(*scope), version_in(path), call, answer)
        if prefers_edge(call.header("prefer")) and self._urls.allows(call.caller.tenant_id):
            return self._redirect(self._urls, parse_ref(*scope), frames, action, call)
        return answer

    async def _redirect(
        self, urls: EdgeUrls, ref: InstanceRef, frames: str, action: AuditAction, call: Call
    ) -> AsyncGenerator[bytes]:
        """307 to a URL that names the bytes which the instance has now; a cold one is fetched for that."""
        version = await self._version(call.caller.tenant_id, ref)
        path, _, query = call.header("x-envoy-original-path").partition("?")
        if not accept_parameter(f"?{query}") and (accept := call.header("accept")):
            query = f"{query}{'&' if query else ''}accept={quote(accept, safe='*/')}"
        part = path.removeprefix(_ROOT + path_of(ref))
        signed = urls.sign(call.caller, resource_of(call.caller.tenant_id, ref, version, part, query))
        await self._auditor.record(call.caller, action, RetrieveScope(*ref), _detail(frames, signed.expire_time))
        headers = (("x-http-status", "307"), ("location", signed.url), ("cache-control", "no-store"))
        await call.send_initial_metadata(headers)
        yield encode_http_body("", b"")

    async def _as_origin(
        self, urls: EdgeUrls, ref: InstanceRef, version: str, call: Call, answer: AsyncGenerator[bytes]
    ) -> AsyncGenerator[bytes]:
        """The answer with what lets the edge keep it; 404 once the instance's bytes are others than the URL names.

        They may be fetched again while the answer is made, so that is looked at again before its first byte leaves.
        One that is small says its length, without which some edges cut no ranges.
        """
        async with aclosing(answer) as messages:
            await self._require(ref, version, call)
            kept = "no-store" if call.warnings else f"public, max-age={urls.max_age_s:.0f}, immutable"
            call.due = (("cache-control", kept), (EDGE_HEADER, "1"))
            begin, size_bytes = [], 0
            async for message in messages:
                begin.append(message)
                size_bytes += len(message)
                if size_bytes > _MOST_MEASURED_BYTES:
                    break
            else:
                length = sum(map(len, read_http_bodies(b"".join((*begin, call.response)))[1]))
                call.due = (*call.due, ("x-content-length", str(length)))
            await self._require(ref, version, call)
            for message in begin:
                yield message
            async for message in messages:
                yield message

    async def _require(self, ref: InstanceRef, version: str, call: Call) -> None:
        if await self._version(call.caller.tenant_id, ref) != version:
            raise ObjectNotFoundError("the instance has changed since this URL was signed; ask again", kind="instance")

    async def _version(self, tenant_id: str, ref: InstanceRef) -> str:
        handle = await self._retrieve.instance(tenant_id, ref)
        return version_of(handle.size_bytes, handle.crc32c)


def prefers_edge(prefer: str) -> bool:
    """Whether the client asks for it (RFC 7240)."""
    return any(part.partition(";")[0].strip().lower() == "edge" for part in prefer.split(","))


def _detail(frames: str, expire_time: datetime) -> str:
    return f"{frames[:100]} by a signed URL until {expire_time:%Y-%m-%dT%H:%M:%SZ}".strip()
