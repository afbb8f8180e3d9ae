"""What every call meets in transit, and how the server starts and stops."""

import asyncio
import socket
import time
from collections.abc import AsyncGenerator, Coroutine

import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from radgate.v1.query_service_pb2 import SearchStudiesRequest
from radgate.v1.retrieve_service_pb2 import RetrieveInstancesRequest
from radgate_server.core.access.tenancy import Role
from radgate_server.core.errors import ConfigurationError, PacsBusyError
from radgate_server.rpc.dicomweb.answers.http_body import BREAK_OFF
from radgate_server.rpc.dicomweb.servicer import DicomWebServicer
from radgate_server.rpc.pipeline.calls_in_flight import CallsInFlight
from radgate_server.rpc.server.grpc_server import AUDIT, CHANNEL_OPTIONS, DICOMWEB, QUARANTINE, RpcServer
from radgate_server.rpc.server.health import HealthServicer
from radgate_server.rpc.v1.audit import AuditServicer
from radgate_server.rpc.v1.quarantine import QuarantineServicer
from tests.rpc.callers import seen_by_gateway
from tests.rpc.calls import RPCS, error_info_of, invoke, reason_of, trailer_of
from tests.rpc.named_requests import REQUESTS, REQUESTS_OF, Ids, fill
from tests.rpc.rig import EAST_STUDY, Rig, running_rig

SEARCH = "radgate.v1.QueryService/SearchStudies"
RETRIEVE = "radgate.v1.RetrieveService/RetrieveInstances"


async def test_a_message_that_can_not_be_decoded_is_the_clients_fault(rig: Rig, channel: grpc.aio.Channel) -> None:
    for name in (SEARCH, RETRIEVE):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await invoke(channel, name, b"\xff\xff", token=await rig.key("east"))
        assert reason_of(caught.value) == "INVALID_ARGUMENT"


async def test_another_scheme_than_bearer_is_refused(rig: Rig, channel: grpc.aio.Channel) -> None:
    token = await rig.key("east")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await invoke(channel, SEARCH, authorization=f"Basic {token}")
    assert reason_of(caught.value) == "UNAUTHENTICATED"


async def test_advice_to_retry_reaches_the_client(rig: Rig, channel: grpc.aio.Channel) -> None:
    rig.east.refuse_with = PacsBusyError("all associations are in use", pacs="main")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await invoke(channel, SEARCH, token=await rig.key("east"))
    assert (reason_of(caught.value), trailer_of(caught.value, "retry-after")) == ("PACS_BUSY", "1")
    assert rig.telemetry.rpcs[-1][:2] == (SEARCH, "UNAVAILABLE")


async def test_a_defect_is_reported_by_its_request_id_alone(
    rig: Rig, channel: grpc.aio.Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("DOE^JANE")

    monkeypatch.setattr(rig.east, "find", broken)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await invoke(channel, SEARCH, token=await rig.key("east"), x_request_id="r-9")
    info = error_info_of(caught.value)
    assert (caught.value.code(), info.reason, info.metadata["request_id"]) == (
        grpc.StatusCode.INTERNAL,
        "INTERNAL",
        "r-9",
    )
    assert trailer_of(caught.value, "x-request-id") == "r-9"
    assert "DOE" not in str(caught.value)


@pytest.mark.parametrize("given", ["", "a" * 65, "spaces and more", "r-1"])
async def test_a_request_id_is_kept_when_it_is_sane(rig: Rig, channel: grpc.aio.Channel, given: str) -> None:
    await invoke(channel, SEARCH, token=await rig.key("east"), x_request_id=given)
    kept = rig.audit.entries[-1].request_id
    assert (kept == given) if given == "r-1" else (len(kept) == 16)


async def test_the_address_is_what_our_own_proxy_saw(rig: Rig, channel: grpc.aio.Channel) -> None:
    token = await rig.key("east")
    await invoke(channel, SEARCH, token=token)
    assert rig.audit.entries[-1].address == "127.0.0.1"
    await invoke(channel, SEARCH, token=token, x_forwarded_for="6.6.6.6", **seen_by_gateway(address="10.0.0.1"))
    assert rig.audit.entries[-1].address == "10.0.0.1"
    await invoke(channel, SEARCH, token=token, x_radgate_client="7 6.6.6.6 guessed")
    assert rig.audit.entries[-1].address == "127.0.0.1"


async def test_a_deadline_ends_the_work(rig: Rig, channel: grpc.aio.Channel) -> None:
    rig.east.silence()
    stub = channel.unary_unary(f"/{SEARCH}", SearchStudiesRequest.SerializeToString)
    metadata = (("authorization", f"Bearer {await rig.key('east')}"),)
    await channel.channel_ready()  # so that the call reaches the server in time
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub(SearchStudiesRequest(), metadata=metadata, timeout=3)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    async with asyncio.timeout(30):
        while not rig.telemetry.rpcs:
            await asyncio.sleep(0.01)
    assert rig.telemetry.rpcs[-1].code in ("CANCELLED", "DEADLINE_EXCEEDED")


async def test_an_unknown_method_is_not_implemented(rig: Rig, channel: grpc.aio.Channel) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await channel.unary_unary("/radgate.v1.QueryService/SearchEverything")(b"")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_stopping_says_so_first_and_lets_streams_end(rig: Rig, channel: grpc.aio.Channel) -> None:
    rig.east.latency_s = 0.05
    watch = HealthStub(channel).Watch(HealthCheckRequest())
    assert (await watch.read()).status == HealthCheckResponse.SERVING
    request = RetrieveInstancesRequest(study_instance_uid=EAST_STUDY).SerializeToString()
    metadata = (("authorization", f"Bearer {await rig.key('east')}"),)
    stream = aiter(channel.unary_stream(f"/{RETRIEVE}")(request, metadata=metadata))
    pieces = [await anext(stream)]
    assert rig.server
    stopping = asyncio.create_task(rig.server.stop(30))
    assert (await watch.read()).status == HealthCheckResponse.NOT_SERVING
    assert await watch.read() is grpc.aio.EOF  # so that it does not hold up the drain
    pieces += [piece async for piece in stream]
    await stopping
    assert len(pieces) == 6 * 3 + 1
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await invoke(channel, "grpc.health.v1.Health/Check")
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


WADO_URI = f"/wado?requestType=WADO&studyUID={EAST_STUDY}&seriesUID={EAST_STUDY}.1&objectUID={EAST_STUDY}.1.1"
BODIES = {
    name: {DICOMWEB: DicomWebServicer, AUDIT: AuditServicer, QUARANTINE: QuarantineServicer}[method.containing_service]
    for name, method in RPCS.items()
    if method.server_streaming and method.output_type.full_name == "google.api.HttpBody"
}


def request_of(name: str) -> bytes:
    """A request that names a study, where there is such a request, else one that has what is required."""
    if name in REQUESTS:
        request: bytes = REQUESTS[name](Ids(EAST_STUDY, entry="f" * 32)).SerializeToString()
        return request
    filled = REQUESTS_OF[name]()
    fill(filled)
    return filled.SerializeToString()


def path_of(name: str) -> str:
    """The path that the gateway was asked for."""
    return WADO_URI if "WadoUri" in name else "/any"


async def test_every_body_that_outlasts_the_drain_is_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    async def begin(*_: object) -> AsyncGenerator[HttpBody]:
        yield HttpBody(content_type="text/plain", data=b"a part")
        await asyncio.Event().wait()

    for name, servicer in BODIES.items():
        monkeypatch.setattr(servicer, name.rpartition("/")[2], begin)
    async with running_rig() as rig, grpc.aio.insecure_channel(rig.target) as channel:
        token = await rig.key("east", role=Role.ADMIN)
        sent = {
            name: (("authorization", f"Bearer {token}"), ("x-envoy-original-path", path_of(name))) for name in BODIES
        }
        calls = {name: channel.unary_stream(f"/{name}")(request_of(name), metadata=sent[name]) for name in BODIES}
        for call in calls.values():
            assert HttpBody.FromString(await call.read()).data == b"a part"
        assert rig.server
        stopping = asyncio.create_task(rig.server.stop(0.1))
        for name, call in calls.items():
            assert await call.read() == BREAK_OFF, name
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call.read()
            assert reason_of(caught.value) == "SERVER_STOPPING"
        await stopping


async def test_more_calls_than_may_be_in_flight_are_reported_when_to_come_again() -> None:
    async with running_rig(max_calls=4) as rig, grpc.aio.insecure_channel(rig.target) as channel:
        east, west = await rig.key("east"), await rig.key("west")
        rig.east.silence()
        rig.west.silence()
        waiting = [asyncio.create_task(invoke(channel, SEARCH, token=token)) for token in (east, east, east)]
        await running(rig, 3)
        of_tenant = await refusal(invoke(channel, SEARCH, token=east))
        waiting.append(asyncio.create_task(invoke(channel, SEARCH, token=west)))
        await running(rig, 4)
        of_all = await refusal(invoke(channel, SEARCH, token=west))
        for refused in (of_tenant, of_all):
            assert (refused.code(), reason_of(refused)) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "SERVER_OVERLOADED")
            assert 1 <= int(trailer_of(refused, "retry-after")) <= 30
        rig.east.release()
        rig.west.release()
        await asyncio.gather(*waiting)
        await invoke(channel, SEARCH, token=east)


async def running(rig: Rig, calls: int) -> None:
    async with asyncio.timeout(30):
        while sum(rig.telemetry.in_progress.values()) < calls:
            await asyncio.sleep(0.01)


async def refusal(call: Coroutine[object, object, object]) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


async def test_a_server_that_stops_takes_no_more_calls_and_says_so(rig: Rig, channel: grpc.aio.Channel) -> None:
    assert rig.server
    rig.server.retire()  # its port stays open: whoever has a connection hears why
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await invoke(channel, SEARCH, token=await rig.key("east"))
    assert (reason_of(caught.value), trailer_of(caught.value, "retry-after")) == ("SERVER_STOPPING", "1")
    assert (await HealthStub(channel).Check(HealthCheckRequest())).status == HealthCheckResponse.NOT_SERVING


async def test_health_is_reported_each_service(rig: Rig, channel: grpc.aio.Channel) -> None:
    stub = HealthStub(channel)
    for service in ("", "radgate.v1.QueryService", "radgate.dicomweb.v1.DicomWebService"):
        health = await stub.Check(HealthCheckRequest(service=service))
        assert health.status == HealthCheckResponse.SERVING
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Check(HealthCheckRequest(service="nonsense"))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    watch = stub.Watch(HealthCheckRequest(service="nonsense"))
    assert (await watch.read()).status == HealthCheckResponse.SERVICE_UNKNOWN
    watch.cancel()


async def test_a_port_in_use_stops_the_start_with_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        health = HealthServicer([])
        calls = CallsInFlight(4, time.monotonic)
        server = RpcServer([], health, calls, host="127.0.0.1", port=port, options=CHANNEL_OPTIONS)
        with pytest.raises(ConfigurationError, match=f"grpc_port: can't listen on 127.0.0.1:{port}"):
            await server.start()
        await server.stop(0)
