"""A real Redis on a free port, without persistence."""

import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import redis

from tests.e2e.waiting import wait_for
from tests.integration.ports import free_port


@dataclass
class RedisServer:
    """`start` and `stop` as often as you like; what it held is gone then."""

    port: int
    host: str = "127.0.0.1"
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """As in limits.redis_url."""
        return f"redis://{self.host}:{self.port}/0"

    def start(self) -> None:
        """Start it, and wait until it listens."""
        command = (
            "redis-server",
            "--port",
            str(self.port),
            "--bind",
            self.host,
            "--protected-mode",
            "no",
            "--save",
            "",
            "--appendonly",
            "no",
        )
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_for(self._listens, "redis listens", 60)

    def stop(self) -> None:
        """Kill it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def fill(self) -> None:
        """Let it refuse whatever would need memory, as one without eviction that is full."""
        self._set_memory(1)

    def empty(self) -> None:
        """Let it take everything again."""
        self._set_memory(0)

    def _set_memory(self, octets: int) -> None:
        with redis.Redis.from_url(self.url) as client:
            client.config_set("maxmemory", octets)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """It accepts connections, and answers none (SIGSTOP)."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((self.host, self.port)) == 0


@contextmanager
def running_redis(host: str = "127.0.0.1") -> Iterator[RedisServer]:
    """One that is up."""
    server = RedisServer(free_port(), host)
    server.start()
    try:
        yield server
    finally:
        server.stop()
