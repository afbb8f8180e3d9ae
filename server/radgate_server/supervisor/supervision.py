"""Several server processes behind one Envoy, as one server: its start, its restart process by process, its end."""

import asyncio
import logging
import os
import secrets
import signal
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from radgate_server.adapters.gateway import EnvoyProcess
from radgate_server.adapters.gateway.envoy import admin_address, claim_port
from radgate_server.adapters.telemetry.logs.setup import set_up_logging
from radgate_server.adapters.telemetry.metrics.processes import ProcessesCollector
from radgate_server.adapters.telemetry.metrics.server import MetricsServer
from radgate_server.adapters.tls import WatchedTls
from radgate_server.core.errors import ConfigurationError
from radgate_server.core.pacs.health import ServerHealth
from radgate_server.lib.processes.service_manager import READY, STOPPING, notify, reloading
from radgate_server.settings.settings import Settings
from radgate_server.supervisor.changed_settings import not_applied
from radgate_server.supervisor.environment import environment_of
from radgate_server.supervisor.server_process import ServerProcess

_log = logging.getLogger(__name__)

_POLL_S = 0.1


class Supervisor:
    """Runs `settings.processes.count` server processes by `command`, and Envoy in front of them.

    `settings` come from `with_gateway`. `close` must be awaited, also when `start` was not or has failed.
    """

    def __init__(self, settings: Settings, command: Sequence[str]) -> None:
        self._settings = settings
        self._processes = [_process(number, settings, command) for number in range(settings.processes.count)]
        self._tls = WatchedTls(settings.endpoint_tls) if settings.endpoint_tls else None
        self._envoy = _envoy(settings, [process.address for process in self._processes], self._tls)
        registry = CollectorRegistry()
        registry.register(ProcessesCollector(self._pages))
        self._metrics = MetricsServer(registry, self._health, host=settings.metrics_host, port=settings.metrics_port)
        self._stopping = False

    @property
    def ports(self) -> Mapping[str, int]:
        """Where it is reached, by the settings' names; the gRPC port is that of the first process."""
        grpc_port = int(self._processes[0].address.rpartition(":")[2])
        return {"http_port": self._envoy.port, "grpc_port": grpc_port, "metrics_port": self._metrics.port}

    async def start(self) -> None:
        """Return when clients are served.

        Raises:
            ConfigurationError: a process has ended at its start, Envoy can't be started, or a port is taken.
        """
        first, *others = self._processes
        await self._metrics.start()
        await self._envoy.start()
        if self._tls:
            self._tls.start()
        first.start()  # alone: it makes keys and migrates the database
        await self._wait_until_served(first)
        for process in others:
            process.start()
        for process in others:
            await self._wait_until_served(process)

    async def restart_in_turn(self) -> None:
        """Restart one process after the other, each once Envoy sends calls to the one before.

        Raises:
            ConfigurationError: one does not come back; those after it are not restarted.
        """
        for process in self._processes:
            await process.stop()
            process.start()
            await self._wait_until_served(process)
            _log.info("a server process was restarted", extra={"server_process": process.number})

    async def close(self) -> None:
        """Let requests in flight end, then Envoy and the processes."""
        self._stopping = True
        await self._envoy.drain()
        await self._envoy.close()
        await asyncio.gather(*(process.stop() for process in self._processes))
        if self._tls:
            await self._tls.close()
        await self._metrics.close()

    async def _wait_until_served(self, process: ServerProcess) -> None:
        """Return when Envoy sends calls to it. Raises ConfigurationError: it has ended instead."""
        while not (await process.listens() and await self._is_healthy(process)):  # noqa: ASYNC110 - another process; it has no event
            await asyncio.sleep(_POLL_S)

    async def _is_healthy(self, process: ServerProcess) -> bool:
        try:
            return process.address in await self._envoy.admin.healthy_servers()
        except OSError:  # Envoy itself is being started again
            return False

    def _pages(self) -> Mapping[str, str]:
        return {str(process.number): process.metrics() for process in self._processes}

    def _health(self) -> ServerHealth:
        """Ready with one process that is: Envoy sends calls to those that serve."""
        if self._stopping:
            return ServerHealth(True, False, {"server": "it is stopping"})
        found = {f"process-{process.number}": process.health() for process in self._processes}
        alive, ready = (any(each[place] for each in found.values()) for place in (0, 1))
        return ServerHealth(alive, ready, {name: problem for name, (_, _, problem) in found.items()})


def with_gateway(settings: Settings, count: int) -> Settings:
    """The settings of a supervisor of so many processes, with what they and Envoy have in common."""
    gateway = settings.gateway
    secret = gateway.shared_secret.get_secret_value() or secrets.token_urlsafe(32)
    admin_port = gateway.admin_port or (0 if admin_address(settings) else claim_port("127.0.0.1", 0))
    return settings.model_copy(
        update={
            "processes": settings.processes.model_copy(update={"count": count}),
            "gateway": gateway.model_copy(update={"shared_secret": SecretStr(secret), "admin_port": admin_port}),
        }
    )


def _process(number: int, settings: Settings, command: Sequence[str]) -> ServerProcess:
    grpc_port = settings.grpc_port + number if settings.grpc_port else claim_port("127.0.0.1", 0)

    def environment(metrics_port: int) -> dict[str, str]:
        return environment_of(number, settings, os.environ, grpc_port=grpc_port, metrics_port=metrics_port)

    return ServerProcess(number, grpc_port, command, environment, settings.drain_s)


def _envoy(settings: Settings, addresses: Sequence[str], tls: WatchedTls | None) -> EnvoyProcess:
    """Envoy in front of these servers, and of those that the settings name besides."""
    first, *others = addresses
    gateway = settings.gateway.model_copy(update={"servers": (*others, *settings.gateway.servers)})
    secret = gateway.shared_secret.get_secret_value()
    in_front = settings.model_copy(update={"gateway": gateway})
    envoy = EnvoyProcess(in_front, first, secret=secret, tls=tls.current if tls else None)
    if tls:
        tls.on_renewal(envoy.renew_tls)
    return envoy


async def supervise(
    settings: Settings, count: int, command: Sequence[str], read_settings: Callable[[], Settings]
) -> None:
    """Run `count` server processes by `command` until SIGTERM or SIGINT; SIGHUP restarts them in turn.

    `read_settings` reads the settings again before that. systemd is notified of the start, of restarts and of the end.

    Raises:
        ConfigurationError: the start has failed.
    """
    set_up_logging(settings.telemetry.log_level, sampling=settings.telemetry.log_sampling)
    stop, restart = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number, event in ((signal.SIGTERM, stop), (signal.SIGINT, stop), (signal.SIGHUP, restart)):
        loop.add_signal_handler(number, event.set)
    async with AsyncExitStack() as stack:
        supervisor = Supervisor(with_gateway(settings, count), command)
        stack.push_async_callback(supervisor.close)
        await _unless(stop, supervisor.start())
        if not stop.is_set():
            _log.info("radgate serves", extra={**supervisor.ports, "count": count})
            notify(READY)
        while not stop.is_set():
            await _unless(stop, _restart_when(restart, supervisor, lambda: not_applied(settings, read_settings())))
        notify(STOPPING)
        _log.info("radgate stops; streams in flight may finish", extra={"drain_s": settings.drain_s})


async def _restart_when(asked: asyncio.Event, supervisor: Supervisor, changes: Callable[[], list[str]]) -> None:
    """Restart in turn once that is asked for, unless no process could start with the settings as they are now."""
    await asked.wait()
    asked.clear()
    notify(reloading())
    try:
        if changed := changes():
            _log.warning(
                "changed settings hold for Envoy and the supervisor after a full restart alone: %s", ", ".join(changed)
            )
        await supervisor.restart_in_turn()
    except ConfigurationError as error:
        _log.error("the restart in turn ended early: %s", error.message)
    notify(READY)


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Do the work; abandon it when `stop` is set first."""
    tasks = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if tasks[0].done():
            tasks[0].result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
