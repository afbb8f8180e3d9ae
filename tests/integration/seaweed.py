"""A real SeaweedFS with its S3 endpoint on free ports, in a temporary folder."""

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.e2e.waiting import wait_for
from tests.integration.ports import free_port

BUCKET = "radgate-cache"
_PORTS = ("master.port", "volume.port", "filer.port", "s3.port")


@dataclass
class Seaweed:
    """`start` and `kill` as often as you like; what it holds stays in `folder`."""

    folder: Path
    host: str = "127.0.0.1"
    ports: dict[str, int] = field(default_factory=lambda: {name: free_port() for name in _PORTS})
    grpc_ports: dict[str, int] = field(default_factory=lambda: {f"{name}.grpc": free_port() for name in _PORTS})
    process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        """As in cache.s3.endpoint."""
        return f"http://{self.host}:{self.ports['s3.port']}"

    def start(self) -> None:
        """Start it, and wait until the bucket is there."""
        ports = [f"-{name}={port}" for name, port in {**self.ports, **self.grpc_ports}.items()]
        command = [
            str(Path(sys.executable).parent / "weed"),
            "server",
            f"-dir={self.folder}",
            f"-ip={self.host}",
            "-s3",
            "-filer",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-master.telemetry=false",
            "-volume.max=8",
            "-master.volumeSizeLimitMB=128",
            *ports,
        ]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.folder)
        wait_for(self._has_bucket, "SeaweedFS has its bucket", 90)

    def kill(self) -> None:
        """End it as a crash does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def pause(self) -> None:
        """Have it fall silent, its connections open, until `resume`."""
        if self.process is not None:
            self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it continue after `pause`."""
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)

    def _has_bucket(self) -> bool:
        try:
            made = httpx.put(f"{self.endpoint}/{BUCKET}", timeout=5)
            written = httpx.put(f"{self.endpoint}/{BUCKET}/ready", content=b"ready", timeout=5)
        except httpx.TransportError:
            return False
        return made.status_code in (200, 409) and written.status_code == 200


@contextmanager
def running_seaweed(host: str = "127.0.0.1") -> Iterator[Seaweed]:
    """One that is up."""
    with tempfile.TemporaryDirectory(prefix="radgate-weed-") as folder:
        server = Seaweed(Path(folder), host)
        server.start()
        try:
            yield server
        finally:
            server.kill()
