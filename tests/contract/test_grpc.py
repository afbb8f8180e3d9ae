"""gRPC and gRPC-Web on the port that serves REST."""

import base64
import struct

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from radgate.v1.query_service_pb2 import SearchStudiesRequest, SearchStudiesResponse
from radgate.v1.query_service_pb2_grpc import QueryServiceStub
from tests.contract.conftest import ORIGIN, Gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_native_grpc_passes(gateway: Gateway) -> None:
    async with grpc.aio.insecure_channel(gateway.address) as channel:
        answer = await QueryServiceStub(channel).SearchStudies(SearchStudiesRequest())
    assert answer.next_page_token == "more"
    assert "x-envoy-original-path" not in gateway.stub.metadata


async def test_a_native_error_keeps_its_code_and_details(gateway: Gateway) -> None:
    async with grpc.aio.insecure_channel(gateway.address) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await QueryServiceStub(channel).SearchStudies(SearchStudiesRequest(page_token="bad"))
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert b"STUB" in dict(iter(raised.value.trailing_metadata() or ()))["grpc-status-details-bin"]


async def test_health_is_served(gateway: Gateway) -> None:
    async with grpc.aio.insecure_channel(gateway.address) as channel:
        answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_an_unknown_service_is_unimplemented(gateway: Gateway) -> None:
    async with grpc.aio.insecure_channel(gateway.address) as channel:
        call = channel.unary_unary("/other.Service/Method")
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call(b"")
    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED


def frame(message: bytes) -> bytes:
    return struct.pack(">BI", 0, len(message)) + message


async def test_grpc_web_passes(gateway: Gateway) -> None:
    response = await gateway.client.post(
        "/radgate.v1.QueryService/SearchStudies",
        content=frame(SearchStudiesRequest().SerializeToString()),
        headers={"content-type": "application/grpc-web+proto", "x-grpc-web": "1"},
    )
    size = struct.unpack(">I", response.content[1:5])[0]
    assert response.status_code == 200
    assert SearchStudiesResponse.FromString(response.content[5 : 5 + size]).next_page_token == "more"
    assert b"grpc-status:0" in response.content[5 + size :].replace(b" ", b"")


async def test_grpc_web_text_passes(gateway: Gateway) -> None:
    response = await gateway.client.post(
        "/radgate.v1.QueryService/SearchStudies",
        content=base64.b64encode(frame(b"")),
        headers={"content-type": "application/grpc-web-text", "accept": "application/grpc-web-text"},
    )
    assert response.headers["content-type"].startswith("application/grpc-web-text")


async def test_a_grpc_web_error_is_an_answer_of_status_200(gateway: Gateway) -> None:
    response = await gateway.client.post(
        "/radgate.v1.QueryService/SearchStudies",
        content=frame(SearchStudiesRequest(page_token="bad").SerializeToString()),
        headers={"content-type": "application/grpc-web+proto"},
    )
    assert (response.status_code, response.headers["grpc-status"]) == (200, "3")


PREFLIGHT = {
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type,x-grpc-web,x-user-agent,grpc-timeout",
}
METHODS = ("/radgate.v1.QueryService/SearchStudies", "/grpc.health.v1.Health/Check")


@pytest.mark.parametrize("method", METHODS)
async def test_a_page_of_another_origin_may_call_by_grpc_web(gateway: Gateway, method: str) -> None:
    asked = await gateway.client.options(method, headers={"origin": ORIGIN, **PREFLIGHT})
    assert asked.status_code == 200
    assert asked.headers["access-control-allow-origin"] == ORIGIN
    allowed = set(asked.headers["access-control-allow-headers"].split(", "))
    assert set(PREFLIGHT["access-control-request-headers"].split(",")) <= allowed
    assert "POST" in asked.headers["access-control-allow-methods"]


async def test_a_page_of_an_unnamed_origin_may_not(gateway: Gateway) -> None:
    asked = await gateway.client.options(METHODS[0], headers={"origin": "https://elsewhere.example", **PREFLIGHT})
    assert "access-control-allow-origin" not in asked.headers
    assert asked.headers.get("content-type") != "application/grpc"
