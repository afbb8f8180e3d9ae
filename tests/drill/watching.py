"""What a good client meets, and what the attack costs the gateway and the server."""

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.e2e.network import child_of

_ESTABLISHED = "01"
_INODE, _NOT_ACCEPTED = 9, "0"
_MIB = 1024  # KiB in /proc


@dataclass
class GoodClient:
    """Asks for the same few things, one after the other, and notes how long each took and which failed."""

    url: str
    key: str
    paths: tuple[str, ...]
    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def run_while(self, busy: threading.Event) -> None:
        """Ask until `busy` is cleared."""
        headers = {"authorization": f"Bearer {self.key}"}
        with httpx.Client(base_url=self.url, headers=headers, timeout=30, trust_env=False) as client:
            while busy.is_set():
                for path in self.paths:
                    self._ask(client, path)
                time.sleep(0.01)

    def p99_ms(self) -> float:
        """The time that one in a hundred requests exceeds."""
        return 1000 * sorted(self.seconds)[max(0, int(len(self.seconds) * 0.99) - 1)]

    def _ask(self, client: httpx.Client, path: str) -> None:
        start = time.perf_counter()
        try:
            status = client.get(path).status_code
        except httpx.HTTPError as error:
            self.failures.append(type(error).__name__)
            return
        self.seconds.append(time.perf_counter() - start)
        if status != 200:
            self.failures.append(str(status))


@dataclass
class Costs:
    """The most that was seen of memory (MiB) and of open connections."""

    envoy_mib: int = 0
    server_mib: int = 0
    connections: int = 0

    def look(self, server_pid: int, port: int) -> None:
        """Look once more."""
        if envoy := child_of(server_pid, "envoy"):
            self.envoy_mib = max(self.envoy_mib, rss_mib(envoy))
        self.server_mib = max(self.server_mib, rss_mib(server_pid))
        self.connections = max(self.connections, connections_to(port))


def rss_mib(pid: int) -> int:
    """Memory that the process occupies."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS"))) // _MIB


def connections_to(port: int) -> int:
    """Connections that are open to the port, seen from its side.

    The kernel completes handshakes by itself: what waits to be accepted has no inode yet, and may be refused then. The
    table is read piece by piece while it changes, so that a row may come twice.
    """
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    open_to_port = (row for row in rows if row[1].endswith(f":{port:04X}") and row[3] == _ESTABLISHED)
    return len({row[2] for row in open_to_port if row[_INODE] != _NOT_ACCEPTED})
