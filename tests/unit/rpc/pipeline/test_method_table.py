"""What grpc finds for a call."""

from types import SimpleNamespace
from typing import Any

from radgate_server.rpc.pipeline.call import Call
from radgate_server.rpc.pipeline.method_table import MethodEntry, MethodTable

SEARCH = "radgate.v1.QueryService/SearchStudies"
FEED = "radgate.v1.QueryService/WatchStudies"


async def answer_its_accept(call: Call) -> None:
    call.response = call.header("accept").encode() + call.payload


TABLE = MethodTable(
    {
        SEARCH: MethodEntry(SEARCH, answer_its_accept, False, False),
        FEED: MethodEntry(FEED, answer_its_accept, False, True),
    }
)


def found(method: str) -> Any:
    details: Any = SimpleNamespace(method=f"/{method}", invocation_metadata=(("accept", "a/b"),))
    return TABLE.service(details)


async def test_a_call_has_the_headers_that_came_before_the_context() -> None:
    context = object()  # is not asked for them again
    assert await found(SEARCH).unary_unary(b"!", context) == b"a/b!"


async def test_what_ends_a_stream_is_no_message() -> None:
    assert await found(FEED).unary_stream(b"!", object()) is None


def test_grpc_is_informed_the_shape_of_a_method() -> None:
    shapes = [(handler.request_streaming, handler.response_streaming) for handler in map(found, (SEARCH, FEED))]
    assert shapes == [(False, False), (False, True)]


def test_there_is_nothing_for_other_methods() -> None:
    assert found("radgate.v1.QueryService/Nothing") is None
