"""What grpc.aio is given: one table of all methods, and for each call something that serves it.

Asked for the headers of a call, grpc decodes all of them, each time. It has done so before it looks for the method, and
returns them then; so whoever finds the method hands them on, and that makes a handler for each call.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import grpc

from radgate_server.rpc.pipeline.call import Call, Metadata
from radgate_server.rpc.pipeline.interceptor import Proceed
from radgate_server.rpc.pipeline.request_drain import KNOWN_LIMITS, STRANGER_LIMITS, pass_over


class MethodEntry(NamedTuple):
    """How calls of one method are served."""

    full_name: str
    proceed: Proceed
    takes_stream: bool
    gives_stream: bool


class MethodTable(grpc.GenericRpcHandler):
    """The entries of all methods. Of several handlers grpc asks one after the other."""

    def __init__(self, entries: Mapping[str, MethodEntry]) -> None:
        self._entries = {f"/{full_name}": entry for full_name, entry in entries.items()}

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """What serves the call, None when there is no such method."""
        entry = self._entries.get(handler_call_details.method)
        return None if entry is None else CallHandler(entry, handler_call_details.invocation_metadata)


class CallHandler:
    """Serves one call: an RpcMethodHandler, whose functions grpc takes by the call's shape."""

    __slots__ = ("_entry", "_metadata", "request_streaming", "response_streaming")

    # Without them grpc passes bytes: parsing is the innermost interceptor's, so that its failure is answered too.
    request_deserializer = None
    response_serializer = None

    def __init__(self, entry: MethodEntry, metadata: Metadata) -> None:
        self._entry = entry
        self._metadata = metadata
        self.request_streaming = entry.takes_stream
        self.response_streaming = entry.gives_stream

    async def unary_unary(self, payload: Any, context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
        """Give the last message, which leaves together with the status."""
        entry = self._entry
        call = Call(context, entry.full_name, self._metadata, payload)
        await entry.proceed(call)
        if call.failure is not None:
            if entry.takes_stream:
                await pass_over(payload, KNOWN_LIMITS if call.authenticated else STRANGER_LIMITS)
            await call.finish()
        return call.response

    async def unary_stream(self, payload: Any, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        """Give nothing more at the end."""
        await self.unary_unary(payload, context)

    stream_unary = unary_unary
    stream_stream = unary_stream
