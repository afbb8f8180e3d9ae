"""Envoy's process: started, waited for, started again when it dies, stopped without cutting answers short."""

import asyncio
import contextlib
import errno
import ipaddress
import logging
import os
import signal
import socket
from pathlib import Path
from typing import IO

from radgate_server.adapters.gateway.admin import EnvoyAdmin
from radgate_server.adapters.gateway.files import find_envoy, gateway_folder
from radgate_server.adapters.gateway.render import Addresses, render
from radgate_server.adapters.gateway.tls import write_secrets
from radgate_server.adapters.gateway.tracing import header_variables
from radgate_server.core.errors import ConfigurationError
from radgate_server.core.gateway.answers import GatewayAnswers
from radgate_server.core.gateway.ports import TlsMaterial
from radgate_server.lib.files import write_whole
from radgate_server.lib.processes.launch import command_under
from radgate_server.lib.processes.restarts import RestartPace
from radgate_server.settings.gateway import GatewaySettings
from radgate_server.settings.settings import Settings

_log = logging.getLogger(__name__)

SECRET_VARIABLE = "RADGATE_GATEWAY__SHARED_SECRET"  # noqa: S105 - where it is, as gateway/envoy.yaml has it
_START_S = 30.0
_POLL_S = 0.05
_KILL_S = 5.0
_PROCESSORS_PER_THREAD = 4
"""Of a thread's requests more are read, passed on and answered at once than of two threads' requests."""
_MAX_SOCKET_PATH = 100  # sun_path holds 108 bytes


class EnvoyProcess:
    """One Envoy in front of the gRPC server at `server` ("127.0.0.1:50051"), and of the demo's viewer if there is one.

    `secret` is what the server knows it by. `tls` is what its TLS begins with, None for none; see `renew_tls`.
    `start` returns when clients are served; `close` must be awaited afterwards, by whoever called `start`. `output`
    takes Envoy's log and access log instead of the server's own stdout and stderr; it stays the caller's.
    """

    def __init__(
        self,
        settings: Settings,
        server: str,
        *,
        secret: str = "",
        tls: TlsMaterial | None = None,
        viewer: str = "",
        output: IO[bytes] | None = None,
    ) -> None:
        self._settings = settings
        self._server = server
        self._secret = secret
        self._tls = tls
        self._viewer = viewer
        self._output = output
        self._folder = settings.data_dir / "gateway"
        self._admin_address = admin_address(settings) or f"127.0.0.1:{claim_port('127.0.0.1', 0)}"
        self._admin = EnvoyAdmin(self._admin_address)
        self._port = 0
        self._command: list[str] = []
        self._process: asyncio.subprocess.Process | None = None
        self._watching: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port that clients use; known after `start`, also when the setting was 0."""
        return self._port

    @property
    def pid(self) -> int:
        """The running process, another one after each restart."""
        if self._process is None:
            raise ProcessLookupError("Envoy is not started")
        return self._process.pid

    async def start(self) -> None:
        """Start Envoy and wait until it serves.

        Raises:
            ConfigurationError: the port is taken, the program is missing, or it does not start.
        """
        envoy = find_envoy(self._settings.gateway.command)
        self._port = claim_port(self._settings.host, self._settings.http_port)
        config = self._write_config()
        self._command = self._arguments(envoy, config)
        self._process = await self._spawn()
        try:
            await self._wait_ready(self._process)
        except BaseException:
            await self._stop(self._process)
            raise
        self._watching = asyncio.create_task(self._watch(), name="envoy-watch")
        _log.info("gateway is ready", extra={"port": self._port})

    @property
    def admin(self) -> EnvoyAdmin:
        """Its administration."""
        return self._admin

    async def is_ready(self) -> bool:
        """Whether Envoy serves clients at this moment."""
        return await self._admin.is_ready()

    async def answers(self) -> GatewayAnswers:
        """What it has answered since it, or its last successor, started. Raises OSError when it can't say."""
        return await self._admin.answers()

    async def renew_tls(self, material: TlsMaterial) -> None:
        """Use another certificate for new connections; those that are open continue. Raises OSError."""
        self._tls = material
        await asyncio.to_thread(write_secrets, self._tls_folder, material)

    async def drain(self) -> None:
        """Send clients elsewhere, and wait until no request is in flight, for `drain_s` seconds at most."""
        if self._process is None:
            return
        try:
            await self._admin.drain()
            async with asyncio.timeout(self._settings.drain_s):
                while await self._admin.active_requests():  # noqa: ASYNC110 - another process; it has no event
                    await asyncio.sleep(_POLL_S)
        except OSError:
            _log.warning("gateway stops with requests in flight")

    async def close(self) -> None:
        """Stop Envoy, whatever is in flight. May be called twice."""
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching
            self._watching = None
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            await self._stop(process)
        if self._admin_address.startswith("unix:"):  # Envoy leaves it behind
            await asyncio.to_thread(Path(self._admin_address.removeprefix("unix:")).unlink, missing_ok=True)

    @property
    def _tls_folder(self) -> Path:
        return self._folder / "tls"  # in a folder of its own: Envoy looks at whatever moves there

    def _write_config(self) -> Path:
        files = gateway_folder()
        addresses = Addresses(
            self._settings.host, self._port, self._server, self._admin_address, self._viewer, self._tls_folder
        )
        text = render(
            (files / "envoy.yaml").read_text(encoding="utf-8"),
            (files / "viewer.yaml").read_text(encoding="utf-8"),
            files / "radgate.pb",
            self._settings.gateway,
            addresses,
            self._settings.telemetry,
        )
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._tls is not None:
            write_secrets(self._tls_folder, self._tls)
        path = self._folder / "envoy.yaml"
        write_whole(path, (text.encode(),))
        return path

    def _arguments(self, envoy: Path, config: Path) -> list[str]:
        launcher = command_under(os.getpid(), signal.SIGKILL, str(envoy))
        log = ["--log-level", "warning", "--component-log-level", "main:error"]  # it warns of being asked to stop
        drain = ["--drain-time-s", str(max(1, round(self._settings.drain_s))), "--drain-strategy", "immediate"]
        threads = ["--concurrency", str(number_of_threads(self._settings.gateway))]
        return [*launcher, "--config-path", str(config), "--disable-hot-restart", *threads, *log, *drain]

    async def _spawn(self) -> asyncio.subprocess.Process:
        # In a session of its own: Ctrl-C reaches the server alone, which drains before it stops Envoy.
        return await asyncio.create_subprocess_exec(
            *self._command,
            env={**os.environ, **header_variables(self._settings.telemetry), SECRET_VARIABLE: self._secret},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._output,
            start_new_session=True,
        )

    async def _wait_ready(self, process: asyncio.subprocess.Process) -> None:
        try:
            async with asyncio.timeout(_START_S):
                while not await self._admin.is_ready():
                    if process.returncode is not None:
                        raise ConfigurationError(
                            f"Envoy stopped at its start (exit status {process.returncode}); its log says why"
                        )
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            raise ConfigurationError(f"Envoy does not serve after {_START_S:g} seconds; its log says why") from None

    async def _watch(self) -> None:
        """Start Envoy again whenever it ends, each time a little later while it keeps ending."""
        clock = asyncio.get_running_loop()
        pace, started_s = RestartPace(), clock.time()
        while self._process is not None:
            status = await self._process.wait()
            delay_s = pace.delay_s(clock.time() - started_s)
            _log.error("gateway died, starting it again", extra={"exit_status": status, "delay_s": delay_s})
            await asyncio.sleep(delay_s)
            started_s = clock.time()
            with contextlib.suppress(OSError):  # no process or file to be had now: the next round retries
                self._process = await self._spawn()

    async def _stop(self, process: asyncio.subprocess.Process) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), _KILL_S)
                return


def admin_address(settings: Settings) -> str:
    """Where Envoy's administration is, as EnvoyAdmin has it; "" when only a port that is free can be taken."""
    if settings.gateway.admin_port:
        return f"127.0.0.1:{settings.gateway.admin_port}"
    path = settings.data_dir / "gateway" / "admin.sock"
    return f"unix:{path}" if len(os.fsencode(path)) <= _MAX_SOCKET_PATH else ""


def number_of_threads(settings: GatewaySettings, processors: int | None = None) -> int:
    """As many as the operator says, or else one for every four processors that this process may use."""
    return settings.threads or max(1, (processors or len(os.sched_getaffinity(0))) // _PROCESSORS_PER_THREAD)


def claim_port(host: str, port: int) -> int:
    """The port that can be listened on: `port` itself, or a free one for 0.

    Raises:
        ConfigurationError: it is taken, not allowed, or the address is not one of this machine.
    """
    family = socket.AF_INET6 if _is_ipv6(host) else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            reason = _BIND_ERRORS.get(error.errno or 0, "can't be listened on")
            raise ConfigurationError(
                f"http_port {port} on {host} {reason}; choose another with RADGATE_HTTP_PORT"
            ) from None
        return int(probe.getsockname()[1])


_BIND_ERRORS = {
    errno.EADDRINUSE: "is in use by another program",
    errno.EACCES: "needs more rights than this user has",
    errno.EADDRNOTAVAIL: "is not an address of this machine",
}


def _is_ipv6(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).version == 6
    except ValueError:
        return False
