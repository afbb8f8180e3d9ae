"""WADO-URI (PS3.18 9): one instance, or a picture of it, named by query parameters alone."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from radgate_server.core.cache.ports.tiers import CacheKey
from radgate_server.core.errors import InvalidArgumentError, ObjectNotFoundError
from radgate_server.rpc.dicomweb.negotiation.offers import SINGLE_ONLY
from radgate_server.rpc.dicomweb.pictures.answers import request_key
from radgate_server.rpc.dicomweb.pictures.rendered import RENDERED, RenderedResource
from radgate_server.rpc.dicomweb.pictures.request import PictureRequest
from radgate_server.rpc.dicomweb.retrieve.instances import InstancesResource
from radgate_server.rpc.dicomweb.wado_uri.query import parse_wado_uri
from radgate_server.rpc.pipeline.call import Call


class WadoUriResource:
    """Answers with what WADO-RS gives for a single instance: without multipart, or rendered."""

    def __init__(self, instances: InstancesResource, rendered: RenderedResource) -> None:
        self._instances = instances
        self._rendered = rendered

    async def retrieve(self, call: Call) -> AsyncGenerator[bytes]:
        """Encoded HttpBody messages.

        Raises:
            InvalidArgumentError: naming the parameter that is missing, malformed, given twice or not offered.
            NotAcceptableError: nothing that the client takes can be made.
        """
        wanted = parse_wado_uri(call.header("x-envoy-original-path"), call.header("accept"))
        if wanted.picture is None:
            messages = self._instances.stream(wanted.scope, wanted.accepted, SINGLE_ONLY, call)
        else:
            key = request_key(RENDERED, call, wanted.scope.study_instance_uid, "wado")
            messages = await self._open(wanted.picture, key, call)
        async with aclosing(messages):
            async for message in messages:
                yield message

    async def _open(self, request: PictureRequest, key: CacheKey, call: Call) -> AsyncGenerator[bytes]:
        try:
            return await self._rendered.give(request, key, call)
        except ObjectNotFoundError as error:
            if error.details.get("kind") == "frame":  # here it is no part of the object's name (PS3.18 9.5.2.1)
                raise InvalidArgumentError("frameNumber", error.message) from None
            raise
