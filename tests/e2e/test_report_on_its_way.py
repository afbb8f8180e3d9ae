"""A server that is killed while a receiver has not answered yet: nothing of the report is left on its disk."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from radgate_server.core.access.tenancy import Role
from radgate_server.core.pacs.connections import FolderConnection
from tests.e2e.radgate_process import RadgateProcess
from tests.open_files import open_below

TENANT, PATIENT = "west", "HIDDEN-4711"
SLICE = 32
"""Less would be found in the database, which knows whom the schedule is about."""


@pytest.fixture
def receiver() -> Iterator[socket.socket]:
    """Takes what is posted, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(60)
        yield listening


@pytest.fixture
def radgate(tmp_path: Path, receiver: socket.socket) -> Iterator[RadgateProcess]:
    """With all that it writes in the test's folder, and with a report there that an earlier version left."""
    for name in ("images", "tmp"):
        (tmp_path / name).mkdir()
    url = f"http://127.0.0.1:{receiver.getsockname()[1]}"
    web = {"kind": "webhook", "name": "web", "url": url, "secret": "hook-secret", "tenants": [TENANT]}
    settings = {
        "RADGATE_REPORTS__RECEIVERS": json.dumps([web]),
        "RADGATE_REPORTS__INTERVAL_S": "0.2",
        "TMPDIR": str(tmp_path / "tmp"),
    }
    process = RadgateProcess(tmp_path, settings).tenant(TENANT, FolderConnection(str(tmp_path / "images")), Role.ADMIN)
    left = process.data_dir / "reports/report-a1b2c3d4"
    left.mkdir(parents=True)
    (left / f"{TENANT}-daily-2026-01-04.csv").write_text("of a patient")
    with process:
        yield process


def test_a_server_that_is_killed_leaves_nothing_of_a_report(radgate: RadgateProcess, receiver: socket.socket) -> None:
    assert not list((radgate.data_dir / "reports").iterdir())
    kind = ("--kind", "patient-access", "--subject", PATIENT, "--format", "json")
    when = ("--every", "daily", "--at", "06:30", "--to", "web")
    radgate.cli("audit", "schedule", "add", "daily", "--tenant", TENANT, *kind, *when)
    radgate.cli("audit", "schedule", "run", "daily", "--tenant", TENANT)
    connection, _ = receiver.accept()
    with connection:
        report = posted(connection)
        assert PATIENT.encode() in report
        sealed = open_below(radgate.data_dir / "spool", radgate.pid)
        assert sum(file.stat().st_size for file in sealed) > len(report)
        assert not [file for file in [*sealed, *files_of(radgate)] if holds(file, report)]
        radgate.kill()
    assert not list((radgate.data_dir / "spool").iterdir())
    assert not [file for file in files_of(radgate) if holds(file, report)]


def posted(connection: socket.socket) -> bytes:
    """The body of the request that comes."""
    connection.settimeout(60)
    with connection.makefile("rb") as request:
        lines = iter(request.readline, b"\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(b": ") for line in lines)}
        return request.read(int(headers[b"content-length"]))


def files_of(radgate: RadgateProcess) -> list[Path]:
    return [path for path in radgate.folder.rglob("*") if path.is_file()]


def holds(file: Path, report: bytes) -> bool:
    """Whether any part of the report can be read there."""
    stored = file.read_bytes()
    return any(report[start : start + SLICE] in stored for start in range(0, len(report) - SLICE, SLICE // 2))
