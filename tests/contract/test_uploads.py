"""STOW-RS through the real Envoy: large bodies pass as they come."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from zlib import crc32

import grpc
import httpx
import pytest
from google.api.httpbody_pb2 import HttpBody

from tests.contract.conftest import PATIENCE_S, Gateway
from tests.contract.stub_server import Context, fail

pytestmark = pytest.mark.asyncio(loop_scope="module")

MIB = 1 << 20
CONTENT_TYPE = 'multipart/related; type="application/dicom"; boundary=b'
HEADERS = {"content-type": CONTENT_TYPE, "accept": "application/dicom+json", "authorization": "Bearer k"}


def memory_bytes_of(pid: int) -> int:
    """Resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def pieces(count: int, size_bytes: int = MIB) -> AsyncIterator[bytes]:
    for number in range(count):
        yield bytes((number % 251,)) * size_bytes
        await asyncio.sleep(0)


@pytest.mark.parametrize(("path", "study"), [("/dicom-web/studies", ""), ("/dicom-web/studies/1.2.3", "1.2.3")])
async def test_an_upload_reaches_the_server_in_pieces_with_its_type_and_study(
    gateway: Gateway, path: str, study: str
) -> None:
    response = await gateway.client.post(path, content=pieces(3), headers=HEADERS)
    upload = gateway.stub.upload
    assert response.status_code == 200
    assert (upload.study, upload.content_type, sum(upload.message_bytes)) == (study, CONTENT_TYPE, 3 * MIB)
    assert gateway.stub.metadata["authorization"] == "Bearer k"
    assert gateway.stub.metadata["accept"] == "application/dicom+json"


async def test_the_path_alone_names_the_study(gateway: Gateway) -> None:
    await gateway.client.post("/dicom-web/studies/1.2.3?study=9.9", content=b"x", headers=HEADERS)
    assert gateway.stub.upload.study == "1.2.3"


@pytest.mark.parametrize("status", [202, 409, 413, 503])
async def test_the_status_and_the_body_of_the_outcome_are_the_servers(gateway: Gateway, status: int) -> None:
    async def outcome(context: Context) -> HttpBody:
        await context.send_initial_metadata((("x-http-status", str(status)),))
        return HttpBody(content_type="application/dicom+json", data=b'{"00081190":{"vr":"UR"}}')

    gateway.stub.answer = outcome
    response = await gateway.client.post("/dicom-web/studies", content=b"x", headers=HEADERS)
    assert (response.status_code, response.json()) == (status, {"00081190": {"vr": "UR"}})
    assert response.headers["content-type"] == "application/dicom+json"
    assert ("retry-after" in response.headers) == (status == 503)


async def test_an_upload_of_another_media_type_is_refused_by_the_server(gateway: Gateway) -> None:
    async def refuse(context: Context) -> HttpBody:
        await fail(context, grpc.StatusCode.INVALID_ARGUMENT, 415)
        raise AssertionError("the call has ended")

    gateway.stub.answer = refuse
    response = await gateway.client.post("/dicom-web/studies", content=b"x", headers=HEADERS)
    assert (response.status_code, response.json()["message"]) == (415, "as asked")


async def test_an_upload_without_a_body_reaches_the_server(gateway: Gateway) -> None:
    response = await gateway.client.post("/dicom-web/studies", headers=HEADERS)
    assert response.status_code == 200
    assert sum(gateway.stub.upload.message_bytes) == 0


async def test_a_server_may_refuse_before_it_has_all(gateway: Gateway) -> None:
    gateway.stub.upload_limit = MIB
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.envoy.port)
    head = (
        "POST /dicom-web/studies HTTP/1.1\r\nhost: x\r\ncontent-type: application/dicom\r\ncontent-length: 9000000\r\n"
    )
    writer.write(f"{head}\r\n".encode() + bytes(2 * MIB))
    async with asyncio.timeout(PATIENCE_S):
        assert (await reader.readline()).startswith(b"HTTP/1.1 413")
    writer.close()
    await writer.wait_closed()


async def test_a_client_that_goes_in_the_middle_cancels_the_servers_call(gateway: Gateway) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b"x" * MIB
        await asyncio.Event().wait()

    async def busy(_: Context) -> HttpBody:
        await asyncio.Event().wait()
        raise AssertionError("nobody lets it continue")

    gateway.stub.answer = busy
    async with httpx.AsyncClient(timeout=PATIENCE_S) as client:
        url = f"http://{gateway.address}/dicom-web/studies"
        posting = asyncio.create_task(client.post(url, content=endless(), headers=HEADERS))
        async with asyncio.timeout(PATIENCE_S):
            while not gateway.stub.upload.message_bytes:
                await asyncio.sleep(0.01)
        posting.cancel()
        await asyncio.gather(posting, return_exceptions=True)
    await asyncio.wait_for(gateway.stub.cancelled.wait(), PATIENCE_S)


async def test_300_mb_pass_in_messages_that_grpc_takes_and_envoy_does_not_grow(gateway: Gateway) -> None:
    expected = 0
    for number in range(300):
        expected = crc32(bytes((number % 251,)) * MIB, expected)
    before = memory_bytes_of(gateway.envoy.pid)
    response = await gateway.client.post("/dicom-web/studies", content=pieces(300), headers=HEADERS, timeout=60)
    upload = gateway.stub.upload
    assert response.status_code == 200
    assert (sum(upload.message_bytes), upload.crc32) == (300 * MIB, expected)
    assert max(upload.message_bytes) < 4 * MIB
    assert memory_bytes_of(gateway.envoy.pid) - before < 64 * MIB
