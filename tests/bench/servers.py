"""What is measured: Radgate as its users start it, the bare limit behind the same Envoy, and Orthanc itself."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from radgate_server.adapters.gateway.envoy import EnvoyProcess
from radgate_server.settings.settings import load_settings
from tests.integration.orthanc import OrthancServer
from tests.integration.ports import free_port

START_TIMEOUT_S = 60.0
TENANT = "bench"
PACS = "orthanc"
RADGATE = (sys.executable, "-m", "radgate_server")
UNGUARDED = (sys.executable, "-m", "tests.bench.unguarded")
REQUESTS_PER_SECOND = 1_000_000
"""What Envoy lets one address ask for: all load comes from one, and a fast machine gives more than the default."""


@dataclass(frozen=True)
class Radgate:
    """A running `radgate serve` with one tenant and one DIMSE PACS."""

    http_port: int
    grpc_port: int
    token: str
    pid: int
    environment: dict[str, str]
    command_line: Sequence[str] = RADGATE

    @property
    def authorization(self) -> tuple[str, str]:
        """The header, or metadata, that lets one in."""
        return "authorization", f"Bearer {self.token}"

    def command(self, *arguments: str) -> str:
        """Run the command line against its database; returns what it printed."""
        return _radgate(self.command_line, self.environment, *arguments)

    def peak_rss_bytes(self) -> int:
        """The most memory that the server's process has had since `reset_peak_rss`."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024

    def reset_peak_rss(self) -> None:
        """Begin the peak again."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")


@contextmanager
def radgate_for(
    orthanc: OrthancServer,
    folder: Path,
    *,
    program: Sequence[str] = RADGATE,
    command_line: Sequence[str] = RADGATE,
    **environment: str,
) -> Iterator[Radgate]:
    """Start Radgate, or another `program` like it, in front of Orthanc, which it reaches over DIMSE.

    `command_line` is the one that prepares its installation.
    """
    http_port, grpc_port = free_port(), free_port()
    settings = {
        **os.environ,
        "RADGATE_DATA_DIR": str(folder),
        "RADGATE_HTTP_PORT": str(http_port),
        "RADGATE_GRPC_PORT": str(grpc_port),
        "RADGATE_DICOM_PORT": str(free_port()),
        "RADGATE_METRICS_PORT": str(free_port()),
        "RADGATE_GATEWAY__REQUESTS_PER_SECOND_PER_ADDRESS": str(REQUESTS_PER_SECOND),
        **environment,
    }
    ask = partial(_radgate, command_line, settings)
    ask("tenant", "create", TENANT)
    token = ask("key", "create", "--tenant", TENANT, "--role", "viewer").strip()
    address = ["--host", "127.0.0.1", "--port", str(orthanc.dicom_port)]
    titles = ["--called-aet", orthanc.ae_title, "--calling-aet", "RADGATE"]
    ask("pacs", "add", "dimse", "--tenant", TENANT, "--name", PACS, *address, *titles)
    with (folder / "serve.log").open("wb") as log:
        process = subprocess.Popen([*program, "serve"], env=settings, stdout=log, stderr=subprocess.STDOUT)
    try:
        _wait_ready(http_port, process, folder / "serve.log")
        yield Radgate(http_port, grpc_port, token, process.pid, settings, command_line)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


@dataclass(frozen=True)
class BareServer:
    """The bare limit, called without Envoy."""

    port: int
    pid: int


@contextmanager
def bare_server(recording: Path, files: Path | None = None) -> Iterator[BareServer]:
    """Start it; with `files` what is large is read from that folder, which must not be there yet."""
    port = free_port()
    command = [sys.executable, "-m", "tests.bench.bare", str(port), str(recording), *([str(files)] if files else ())]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"ready\n"
        yield BareServer(port, process.pid)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@asynccontextmanager
async def bare_limit(recording: Path, folder: Path) -> AsyncIterator[tuple[int, int]]:
    """Start the bare server behind an Envoy of its own; its HTTP and gRPC ports."""
    folder.mkdir(parents=True, exist_ok=True)
    gateway = {"requests_per_second_per_address": REQUESTS_PER_SECOND}
    settings = load_settings(data_dir=folder, http_port=free_port(), gateway=gateway)
    with bare_server(recording) as bare, (folder / "envoy.log").open("wb") as log:
        envoy = EnvoyProcess(settings, f"127.0.0.1:{bare.port}", output=log)
        try:
            await envoy.start()
            yield envoy.port, bare.port
        finally:
            await envoy.close()


def _radgate(command_line: Sequence[str], environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run([*command_line, *arguments], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"radgate {' '.join(arguments[:2])}: {done.stderr}")
    return done.stdout


def _wait_ready(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError):  # nobody listens yet
            if _status(f"http://127.0.0.1:{port}/dicom-web/studies") == 401:
                return
        time.sleep(0.1)
    raise RuntimeError(f"radgate serve did not start:\n{log.read_text()}")


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code
