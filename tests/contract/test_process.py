"""Starting, watching and stopping the real Envoy."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys

import httpx
import pytest

from radgate_server.adapters.gateway import EnvoyProcess
from radgate_server.adapters.gateway.files import find_envoy, gateway_folder
from radgate_server.core.errors import ConfigurationError
from radgate_server.settings.gateway import GatewaySettings
from radgate_server.settings.settings import Settings
from tests.contract.conftest import PATIENCE_S, Gateway
from tests.e2e.processes import has_ended
from tests.e2e.waiting import wait_for

NO_SERVER = "127.0.0.1:1"


def test_the_file_works_alone() -> None:
    folder = gateway_folder()
    envoy = find_envoy("")
    done = subprocess.run([envoy, "--mode", "validate", "-c", "envoy.yaml"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0
    assert "Deprecated" not in done.stderr


async def test_a_dead_envoy_is_started_again(own_gateway: Gateway) -> None:
    pid, port = own_gateway.envoy.pid, own_gateway.envoy.port
    os.kill(pid, signal.SIGKILL)
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                response = await own_gateway.client.get("/dicom-web/studies")
                break
            except httpx.TransportError:
                await asyncio.sleep(0.05)
    assert response.status_code == 200
    assert own_gateway.envoy.pid != pid
    assert own_gateway.envoy.port == port


async def test_a_server_that_is_down_is_503_in_json(settings: Settings) -> None:
    envoy = EnvoyProcess(settings, NO_SERVER)
    await envoy.start()
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{envoy.port}", timeout=PATIENCE_S) as client:
            for path in ("/dicom-web/studies", "/dicom-web/studies/1.2.3", "/api/v1/tenants"):
                response = await client.get(path)
                assert (response.status_code, response.json()["code"]) == (503, 14)
                assert response.json()["message"] == "the server does not answer"
                assert response.headers["content-type"] == "application/json"
                assert int(response.headers["retry-after"]) > 0
    finally:
        await envoy.close()


async def test_answers_in_flight_end_before_envoy_does(own_gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    resume, begun, counted = asyncio.Event(), asyncio.Event(), asyncio.Queue[int]()
    active_requests = own_gateway.envoy._admin.active_requests

    async def count() -> int:
        active = await active_requests()
        counted.put_nowait(active)
        return active

    monkeypatch.setattr(own_gateway.envoy._admin, "active_requests", count)

    async def slow(context: object) -> object:
        from google.api.httpbody_pb2 import HttpBody

        begun.set()
        await resume.wait()
        return HttpBody(content_type="application/dicom+json", data=b"[]")

    own_gateway.stub.answer = slow  # type: ignore[assignment]
    asking = asyncio.create_task(own_gateway.client.get("/dicom-web/studies"))
    await begun.wait()
    draining = asyncio.create_task(own_gateway.envoy.drain())
    async with asyncio.timeout(PATIENCE_S / 2):
        assert [await counted.get() for _ in range(3)] == [1, 1, 1]  # it has looked, and looks again
    assert not draining.done()
    resume.set()
    async with asyncio.timeout(PATIENCE_S / 2):  # not by the end of drain_s
        await draining
    assert (await asking).status_code == 200


async def test_a_taken_port_stops_the_start(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        envoy = EnvoyProcess(settings.model_copy(update={"http_port": port}), NO_SERVER)
        with pytest.raises(ConfigurationError, match=f"http_port {port} .* in use"):
            await envoy.start()
        await envoy.close()


async def test_a_missing_program_stops_the_start(settings: Settings) -> None:
    missing = settings.model_copy(update={"gateway": GatewaySettings(command="/nowhere/envoy")})
    with pytest.raises(ConfigurationError, match="no such program"):
        await EnvoyProcess(missing, NO_SERVER).start()


async def test_a_program_that_is_not_envoy_stops_the_start(settings: Settings) -> None:
    other = settings.model_copy(update={"gateway": GatewaySettings(command="false")})
    with pytest.raises(ConfigurationError, match="stopped at its start"):
        await EnvoyProcess(other, NO_SERVER).start()


SERVER = """
import asyncio, sys
from radgate_server.adapters.gateway import EnvoyProcess
from radgate_server.settings.settings import Settings

async def main():
    envoy = EnvoyProcess(Settings(data_dir=sys.argv[1], http_port=int(sys.argv[2])), "127.0.0.1:1")
    await envoy.start()
    print(envoy.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def test_a_killed_server_leaves_no_envoy(settings: Settings) -> None:
    command = [sys.executable, "-c", SERVER, str(settings.data_dir), str(settings.http_port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        pid = int(server.stdout.readline())
        server.kill()
        server.wait()
    wait_for(lambda: has_ended(pid), "Envoy ends with the server", PATIENCE_S)


async def test_connections_beyond_the_limit_are_refused(settings: Settings) -> None:
    few = settings.model_copy(update={"gateway": GatewaySettings(max_connections=3)})
    envoy = EnvoyProcess(few, NO_SERVER)
    await envoy.start()
    writers = []
    try:
        answers = []
        for _ in range(6):
            reader, writer = await asyncio.open_connection("127.0.0.1", envoy.port)
            writers.append(writer)
            writer.write(b"GET /dicom-web/studies HTTP/1.1\r\nhost: a\r\n\r\n")
            try:
                answers.append(await reader.readline())
            except ConnectionResetError:
                answers.append(b"")
        assert answers == [b"HTTP/1.1 503 Service Unavailable\r\n"] * 3 + [b""] * 3
    finally:
        for writer in writers:
            writer.close()
        await envoy.close()


async def test_the_rendered_configuration_is_for_its_owner_only(own_gateway: Gateway, settings: Settings) -> None:
    mode = (settings.data_dir / "gateway" / "envoy.yaml").stat().st_mode
    assert mode & 0o077 == 0


async def test_the_access_log_holds_no_uid_and_no_query(own_gateway: Gateway) -> None:
    await own_gateway.client.get("/dicom-web/studies/1.2.840.99999/series?PatientName=DOE")
    await own_gateway.client.get("/dicom-web/studies/1.2.840.99999/nothing?PatientName=DOE")
    await own_gateway.client.get("/dicom-web/studies/1.2.840.99999")
    await own_gateway.envoy.close()
    text = own_gateway.log.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    routes = [line["route"] for line in lines if line["logger"] == "envoy.access"]
    assert routes == ["dicomweb.search", "rest", "dicomweb.retrieve.instances"]
    assert "99999" not in text
    assert "DOE" not in text
