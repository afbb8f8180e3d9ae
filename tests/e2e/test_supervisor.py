"""`radgate serve --workers 2` on PostgreSQL: both serve, one is killed, all are restarted in turn, and none is left."""

import os
import signal
import socket
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from threading import Event

import httpx
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from radgate import Client
from radgate_server.core.access.tenancy import Role
from tests.e2e.processes import descendants, has_ended, server_processes
from tests.e2e.radgate_process import RADGATE, RadgateProcess, dimse
from tests.e2e.studies import EAST, Original
from tests.e2e.test_processes import under_load
from tests.e2e.waiting import wait_for
from tests.integration.orthanc import OrthancServer
from tests.integration.postgres import running_postgres

NUMBERS = ("0", "1")


@pytest.fixture
def server(tmp_path: Path, orthanc: OrthancServer) -> Iterator[RadgateProcess]:
    with running_postgres() as postgres, postgres.database(tmp_path.name) as url:
        command = (*RADGATE, "serve", "--workers", "2", "--config", str(written(tmp_path, "")))
        whole = RadgateProcess(tmp_path, {"RADGATE_DATABASE_URL": url}, command=command)
        with whole.tenant(EAST, dimse(orthanc), Role.OPERATOR):
            yield whole


def written(folder: Path, settings: str) -> Path:
    """The file of settings, with these in it."""
    file = folder / "radgate.toml"
    file.write_text(settings)
    return file


def calls(server: RadgateProcess, number: str) -> float:
    """How many calls that process has answered since its start; 0 while it does not answer."""
    page = httpx.get(server.metrics_url, timeout=30, trust_env=False).text
    lines = [line for line in page.splitlines() if line.startswith("radgate_rpc_total{")]
    return sum(float(line.rpartition(" ")[2]) for line in lines if f'process="{number}"' in line)


def readiness(server: RadgateProcess) -> tuple[int, dict[str, bool]]:
    answer = httpx.get(server.metrics_url.replace("/metrics", "/readyz"), timeout=30, trust_env=False)
    return answer.status_code, {name: check["ok"] for name, check in answer.json()["checks"].items()}


def test_two_processes_are_one_server(server: RadgateProcess, originals: list[Original]) -> None:
    studies = sorted({original.dataset.StudyInstanceUID for original in originals})
    assert readiness(server)[0] == 200

    with under_load(server, studies) as answers:
        wait_for(lambda: all(calls(server, number) for number in NUMBERS), "both serve")
    assert set(answers) == {200}, answers

    before = server_processes(server.pid)
    held = {study: pixels(one.dataset for one in originals if one.ref[0] == study) for study in studies[:8]}
    with ThreadPoolExecutor(2) as threads:
        ended = Event()
        readers = [threads.submit(read_until, ended, server, held) for _ in range(2)]
        os.kill(before["1"], signal.SIGKILL)
        wait_for(lambda: server_processes(server.pid).keys() == set(NUMBERS), "the killed one is started again")
        assert readiness(server)[0] == 200
        wait_for(lambda: readiness(server) == (200, {"process-0": True, "process-1": True}), "both are ready", 120)
        ended.set()
        assert all(reader.result() for reader in readers)
    after = server_processes(server.pid)
    assert (after["0"] == before["0"], after["1"] == before["1"]) == (True, False)

    written(server.folder, "drain_s = -1")
    os.kill(server.pid, signal.SIGHUP)
    wait_for(lambda: "the restart in turn ended early: setting drain_s = -1" in server.log(), "settings are refused")
    assert server_processes(server.pid) == after

    written(server.folder, "http_port = 1\n[gateway]\nmax_connections = 777")
    with under_load(server, studies) as answers:
        os.kill(server.pid, signal.SIGHUP)
        wait_for(lambda: server.log().count("a server process was restarted") == 2, "both were restarted", 240)
    assert set(answers) == {200}, answers
    assert set(server_processes(server.pid).values()).isdisjoint(after.values())
    assert "after a full restart alone: gateway.max_connections" in server.log()  # http_port is set elsewhere

    all_of_them = descendants(server.pid)
    ports = [int(address.rpartition(":")[2]) for address in (*server.endpoints.values(), server.url)]
    server.stop()
    assert all(has_ended(pid) for pid in all_of_them)
    for port in ports:
        with socket.socket() as client:
            assert client.connect_ex(("127.0.0.1", port)) != 0
    assert not list(server.data_dir.glob("**/*.sock"))


def pixels(datasets: Iterable[Dataset]) -> dict[str, bytes]:
    """By SOP Instance UID."""
    return {str(one.SOPInstanceUID): one.get("PixelData", b"") for one in datasets}


def read_until(ended: Event, server: RadgateProcess, held: Mapping[str, dict[str, bytes]]) -> int:
    """Retrieve the studies again and again as a client that resumes, and compare; how often."""
    rounds = 0
    with Client(server.endpoints["http"], server.keys[EAST]) as client:
        while not ended.is_set():
            for study, expected in held.items():
                assert pixels(dcmread(BytesIO(one.data)) for one in client.retrieve_study(study)) == expected
            rounds += 1
    return rounds
