"""Metrics and health over HTTP, in threads of their own: they can be read even while the event loop is busy."""

import asyncio
import json
import os
import socket
from collections.abc import Callable, Iterable
from threading import Thread
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from radgate_server.core.errors import ConfigurationError
from radgate_server.core.pacs.health import ServerHealth

_JSON = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]


class _SilentHandler(WSGIRequestHandler):
    """Logs nothing."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - wsgiref's interface
        return


class MetricsServer:
    """Serves the metrics of `registry` at http://host:port/metrics, and what `health` says at /healthz and /readyz.

    Port 0 takes a free one; `port` is the one taken.
    """

    def __init__(
        self, registry: CollectorRegistry, health: Callable[[], ServerHealth], *, host: str, port: int
    ) -> None:
        self._registry = registry
        self._health = health
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
            server = self._open()
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise ConfigurationError(f"metrics can't be served on {self._host}:{self._wanted_port}: {reason}") from None
        # Before it serves: prometheus_client's own server answers every path with metrics until it is given another.
        server.set_app(_with_health(make_wsgi_app(self._registry), self._health))
        thread = Thread(target=server.serve_forever, name="metrics", daemon=True)
        thread.start()
        self._running = server, thread

    def _open(self) -> WSGIServer:
        family, *_, address = socket.getaddrinfo(self._host, self._wanted_port, flags=socket.AI_PASSIVE)[0]

        class Server(ThreadingWSGIServer):
            address_family = family

        return Server((str(address[0]), self._wanted_port), _SilentHandler)

    async def close(self) -> None:
        """Stop; the port is free afterwards."""
        if self._running is None:
            return
        server, thread = self._running
        self._running = None
        await asyncio.to_thread(server.shutdown)
        server.server_close()
        await asyncio.to_thread(thread.join)


def _with_health(metrics: WSGIApplication, health: Callable[[], ServerHealth]) -> WSGIApplication:
    def live() -> tuple[bool, object]:
        alive = health().alive
        return alive, {"alive": alive}

    def ready() -> tuple[bool, object]:
        found = health()
        checks = {name: {"ok": not problem, "problem": problem} for name, problem in found.problems.items()}
        return found.ready, {"ready": found.ready, "alive": found.alive, "checks": checks}

    pages = {"/healthz": live, "/readyz": ready}

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        page = pages.get(environ["PATH_INFO"])
        if page is None:
            return metrics(environ, start_response)
        well, document = page()
        start_response("200 OK" if well else "503 Service Unavailable", list(_JSON))
        return [json.dumps(document, indent=2).encode() + b"\n"]

    return application
