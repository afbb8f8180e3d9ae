"""A real NATS with JetStream on a free port; what its streams hold lies in a folder."""

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.waiting import wait_for
from tests.integration.ports import free_port


@dataclass
class NatsServer:
    """`start` and `kill` as often as you like; what it holds stays in `folder`."""

    folder: Path
    port: int
    options: Sequence[str] = ()
    host: str = "127.0.0.1"
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """As in jobs.nats.url."""
        return f"nats://{self.host}:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it listens."""
        program = Path(sys.executable).with_name("nats-server")
        place = ("-a", self.host, "-p", str(self.port), "-js", "-sd", str(self.folder))
        self.process = subprocess.Popen(
            (program, *place, *self.options), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_for(self._listens, "NATS listens", 60)

    def kill(self) -> None:
        """Kill it; harmless when it does not run."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def lose_everything(self) -> None:
        """While it does not run: drop its streams."""
        shutil.rmtree(self.folder)

    def _listens(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, "NATS ended at its start"
        with socket.socket() as probe:
            return probe.connect_ex((self.host, self.port)) == 0


@contextmanager
def running_nats(folder: Path, options: Sequence[str] = (), host: str = "127.0.0.1") -> Iterator[NatsServer]:
    """One that is up."""
    server = NatsServer(folder, free_port(), options, host)
    server.start()
    try:
        yield server
    finally:
        server.kill()
