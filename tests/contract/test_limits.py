"""What Envoy refuses by itself, so that the server never hears of it."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator

import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody

from radgate_server.settings.gateway import GatewaySettings
from tests.contract.conftest import ORIGIN, Gateway, run_gateway, settings_with, short_folder
from tests.contract.stub_server import Context

STUDY = "/dicom-web/studies/1.2.3"
SHORT = GatewaySettings(allowed_origins=(ORIGIN,), headers_timeout_s=0.3, body_timeout_s=0.4)
SLOW = GatewaySettings(allowed_origins=(ORIGIN,), requests_per_second_per_address=1)


@pytest.fixture
async def strict() -> AsyncIterator[Gateway]:
    """A gateway that is soon at the end of its patience."""
    with short_folder() as folder:
        async with run_gateway(settings_with(folder, SHORT)) as gateway:
            yield gateway


@pytest.fixture
async def slow() -> AsyncIterator[Gateway]:
    """A gateway that takes two requests, and then one a second."""
    with short_folder() as folder:
        async with run_gateway(settings_with(folder, SLOW)) as gateway:
            yield gateway


async def test_more_requests_than_may_be_in_flight_are_too_many_and_no_outage() -> None:
    resume, begun = asyncio.Event(), asyncio.Semaphore(0)

    async def slow(context: Context) -> HttpBody:
        begun.release()
        await resume.wait()
        return HttpBody(content_type="application/dicom+json", data=b"[]")

    few = GatewaySettings(allowed_origins=(ORIGIN,), max_requests=2)
    with short_folder() as folder:
        async with run_gateway(settings_with(folder, few)) as gateway:
            gateway.stub.answer = slow
            asking = [asyncio.create_task(gateway.client.get("/dicom-web/studies")) for _ in range(2)]
            for _ in asking:
                await begun.acquire()
            refused = await gateway.client.get("/dicom-web/studies", headers={"origin": ORIGIN})
            resume.set()
            assert [(await answer).status_code for answer in asking] == [200, 200]
    assert (refused.status_code, refused.json()["code"]) == (429, 8)
    assert int(refused.headers["retry-after"]) > 0


@pytest.mark.parametrize("path", ["/dicom-web/studies", "/api/v1/tenants", STUDY])
async def test_nothing_that_comes_in_is_decompressed(own_gateway: Gateway, path: str) -> None:
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    refused = await own_gateway.client.post(path, content=gzip.compress(bytes(1 << 20)), headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (415, 3)
    assert own_gateway.stub.metadata == {}
    plain = await own_gateway.client.post(
        "/api/v1/tenants", json={"tenantId": "a"}, headers={"content-encoding": "identity"}
    )
    assert plain.status_code == 200


@pytest.mark.parametrize(
    ("opening", "piece", "status"),
    [
        (b"GET /dicom-web/studies HTTP/1.1\r\nhost: a\r\n", b"x: 1\r\n", b"408"),
        (b"POST /api/v1/tenants HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n", b" ", b"408"),
    ],
    ids=["headers", "body"],
)
async def test_who_dawdles_is_cut_however_often_something_comes(
    strict: Gateway, opening: bytes, piece: bytes, status: bytes
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", strict.envoy.port)
    writer.write(opening)
    answered = asyncio.create_task(reader.readline())
    while not answered.done():
        writer.write(piece)
        await asyncio.wait([answered], timeout=0.05)
    assert answered.result().split()[1:2] in ([status], [b"504"])
    writer.close()
    assert strict.stub.metadata == {}


async def test_an_answer_may_take_longer_than_a_request(strict: Gateway) -> None:

    async def late(context: Context) -> HttpBody:
        await asyncio.sleep(1)
        return HttpBody(content_type="application/dicom+json", data=b"[]")

    strict.stub.answer = late
    assert (await strict.client.get("/dicom-web/studies")).status_code == 200


async def test_one_address_has_its_share_and_is_informed(slow: Gateway) -> None:
    asked = (slow.client.get("/dicom-web/studies", headers={"origin": ORIGIN}) for _ in range(30))
    answers = await asyncio.gather(*asked)
    refused = [answer for answer in answers if answer.status_code != 200]
    assert 0 < len(refused) <= 28
    for answer in refused:
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert json.loads(answer.content)["code"] == 8
    counted = await slow.envoy.answers()
    assert counted.own["rate-limited"] >= len(refused)
    assert counted.by_class["4xx"] >= len(refused)
    assert (counted.by_class["5xx"], counted.own["server-unreachable"]) == (0, 0)


async def test_native_callers_are_informed_in_grpc(slow: Gateway) -> None:
    async with grpc.aio.insecure_channel(slow.address) as channel:
        search = channel.unary_unary("/radgate.v1.QueryService/SearchStudies")
        results = await asyncio.gather(*(search(b"") for _ in range(30)), return_exceptions=True)
    codes = {result.code() for result in results if isinstance(result, grpc.aio.AioRpcError)}
    assert codes == {grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert any(isinstance(result, bytes) for result in results)


async def test_many_headers_and_large_ones_are_refused(own_gateway: Gateway) -> None:
    many = {f"x-{number}": "1" for number in range(100)}
    for headers in (many, {"x-large": "a" * 50_000}):
        assert (await own_gateway.client.get("/dicom-web/studies", headers=headers)).status_code == 431
    assert own_gateway.stub.metadata == {}


async def test_browsers_may_read_how_much_is_left(own_gateway: Gateway) -> None:
    answer = await own_gateway.client.get("/dicom-web/studies", headers={"origin": ORIGIN})
    exposed = answer.headers["access-control-expose-headers"]
    assert {"retry-after", "ratelimit", "ratelimit-policy", "ratelimit-reset"} <= set(
        exposed.replace(" ", "").split(",")
    )


async def test_without_a_limit_nobody_is_refused() -> None:
    with short_folder() as folder:
        settings = GatewaySettings(requests_per_second_per_address=0)
        async with run_gateway(settings_with(folder, settings)) as gateway:
            answers = [await gateway.client.get("/dicom-web/studies") for _ in range(50)]
            assert {answer.status_code for answer in answers} == {200}


async def test_who_reads_slowly_stops_nobody_else(own_gateway: Gateway) -> None:
    async def endless(_: Context) -> AsyncIterator[HttpBody]:
        while True:
            yield HttpBody(content_type="application/octet-stream", data=bytes(1 << 20))

    own_gateway.stub.messages = endless
    readers = [await asyncio.open_connection("127.0.0.1", own_gateway.envoy.port, limit=1024) for _ in range(60)]
    for reader, writer in readers:
        writer.write(f"GET {STUDY} HTTP/1.1\r\nhost: a\r\n\r\n".encode())
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
    await asyncio.sleep(1)  # until the windows of all of them are full
    for _ in range(8):
        answer = await own_gateway.client.get("/dicom-web/studies", headers={"connection": "close"})
        assert answer.status_code == 200
    for _, writer in readers:
        writer.transport.abort()
