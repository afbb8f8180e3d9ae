"""STOW-RS Store Instances (PS3.18 10.5)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from radgate.dicomweb.v1.dicomweb_service_pb2 import StoreRequest
from radgate_server.core.dicom.identifiers import parse_uid
from radgate_server.core.errors import GatewayError, InvalidArgumentError
from radgate_server.rpc.dicomweb.answers.http_body import encode_http_body
from radgate_server.rpc.dicomweb.negotiation.accept import acceptables
from radgate_server.rpc.dicomweb.negotiation.base_url import BaseUrl
from radgate_server.rpc.dicomweb.negotiation.media_types import negotiate_store_response
from radgate_server.rpc.dicomweb.store.response import OK, encode_module, http_status, response_module
from radgate_server.rpc.dicomweb.store.upload import uploaded_instances
from radgate_server.rpc.pipeline.call import Call
from radgate_server.services.store.storage import StoreService

_PATIENCE_S = 30.0


class StowResource:
    """Passes uploads on to the tenant's PACS, and answers how each instance fared."""

    def __init__(self, store: StoreService, *, base_url: BaseUrl) -> None:
        self._store = store
        self._base_url = base_url

    async def store(self, requests: AsyncIterator[StoreRequest], call: Call) -> bytes:
        """The Store Instances Response Module as one encoded HttpBody; its status goes out as a header before it."""
        try:
            answer = await self._answer(requests, call)
        except GatewayError:
            await _pass_over(requests)
            raise
        await _pass_over(requests)
        return answer

    async def _answer(self, requests: AsyncIterator[StoreRequest], call: Call) -> bytes:
        first = await anext(requests, None)
        if first is None:
            raise InvalidArgumentError("body", "the upload holds no instance")
        study = parse_uid(first.study, "study_instance_uid") if first.study else None
        content_type = negotiate_store_response(
            acceptables(call.header("accept"), call.header("x-envoy-original-path"))
        )
        incoming = uploaded_instances(first.body.content_type, _chunks(first, requests))
        report = await self._store.store(call.caller, incoming, study_instance_uid=study)
        status = http_status(report.results)
        if status != OK:
            await call.send_initial_metadata((("x-http-status", str(status)),))
        root = f"{self._base_url.of(call.header)}/dicom-web"
        return encode_http_body(content_type, encode_module(response_module(report.results, root), content_type))


async def _pass_over(requests: AsyncIterator[StoreRequest]) -> None:
    """Read what is left of an upload for a while: over HTTP/1.1 many a client hears nothing before it has sent all."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE_S):
            async for _ in requests:
                continue


async def _chunks(first: StoreRequest, requests: AsyncIterator[StoreRequest]) -> AsyncIterator[bytes]:
    if first.body.data:
        yield first.body.data
    async for request in requests:
        if request.body.data:
            yield request.body.data
