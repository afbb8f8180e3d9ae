"""Metrics over HTTP, on a port and a thread of their own: they can be read even while the event loop is busy."""

import asyncio
import os
from threading import Thread
from wsgiref.simple_server import WSGIServer

from prometheus_client import start_http_server

from radgate_server.adapters.telemetry.metrics import PrometheusTelemetry
from radgate_server.core.errors import ConfigurationError


class MetricsServer:
    """Serves the metrics of `telemetry` at http://host:port/metrics. Port 0 takes a free one; `port` tells which."""

    def __init__(self, telemetry: PrometheusTelemetry, *, host: str, port: int) -> None:
        self._telemetry = telemetry
        self._host = host
        self._wanted_port = port
        self._running: tuple[WSGIServer, Thread] | None = None

    @property
    def port(self) -> int:
        """The port that it listens on; before the start, the one that was asked for."""
        return self._running[0].server_port if self._running else self._wanted_port

    async def start(self) -> None:
        """Begin to serve.

        Raises:
            ConfigurationError: the address or the port can't be used.
        """
        try:
            self._running = start_http_server(self._wanted_port, self._host, self._telemetry.registry)
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise ConfigurationError(f"metrics can't be served on {self._host}:{self._wanted_port}: {reason}") from None

    async def close(self) -> None:
        """Stop; the port is free afterwards."""
        if self._running is None:
            return
        server, thread = self._running
        self._running = None
        await asyncio.to_thread(server.shutdown)
        server.server_close()
        await asyncio.to_thread(thread.join)
