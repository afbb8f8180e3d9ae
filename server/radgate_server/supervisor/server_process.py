"""One server process: started, and started again whenever it dies."""

import asyncio
import contextlib
import json
import logging
import os
import signal
from collections.abc import Callable, Sequence
from urllib.error import HTTPError
from urllib.request import urlopen

from radgate_server.adapters.gateway.envoy import claim_port
from radgate_server.core.errors import ConfigurationError
from radgate_server.lib.processes.launch import command_under
from radgate_server.lib.processes.restarts import RestartPace

_log = logging.getLogger(__name__)

_HOST = "127.0.0.1"
_ANSWER_S = 2.0
_AFTER_DRAIN_S = 10.0
"""Beyond `drain_s`, for what is closed in order."""


class ServerProcess:
    """Process `number`, whose gRPC server listens on `grpc_port` of the loopback address.

    `command` runs it, in the environment that `environment` makes for its port of metrics, which is another one at each
    start. `drain_s` is how long its calls in flight may continue when it is stopped.
    """

    def __init__(
        self,
        number: int,
        grpc_port: int,
        command: Sequence[str],
        environment: Callable[[int], dict[str, str]],
        drain_s: float,
    ) -> None:
        self.number = number
        self.address = f"{_HOST}:{grpc_port}"
        self._grpc_port = grpc_port
        self._command = tuple(command)
        self._environment = environment
        self._stop_s = drain_s + _AFTER_DRAIN_S
        self._metrics_port = 0
        self._process: asyncio.subprocess.Process | None = None
        self._watching: asyncio.Task[None] | None = None
        self._ending = asyncio.Event()
        self._deaths = 0

    def start(self) -> None:
        """Start it, and watch it from now on."""
        self._ending.clear()
        self._deaths = 0
        self._watching = asyncio.create_task(self._watch(), name=f"server-process-{self.number}")

    async def listens(self) -> bool:
        """Whether its port is open.

        Raises:
            ConfigurationError: it has ended since it was started on purpose, whether it is being started again or not.
        """
        if self._deaths:
            raise ConfigurationError(f"server process {self.number} ended at its start; its lines in the log say why")
        try:
            _, writer = await asyncio.wait_for(asyncio.open_connection(_HOST, self._grpc_port), _ANSWER_S)
        except OSError:  # a time-out is one too
            return False
        writer.close()
        return True

    async def stop(self) -> None:
        """Let its calls in flight end, and it with them. May be called twice."""
        self._ending.set()
        if self._watching is None:
            return
        self._send(signal.SIGTERM)
        await asyncio.wait((self._watching,), timeout=self._stop_s)
        self._send(signal.SIGKILL)
        await self._watching
        self._watching = None

    def metrics(self) -> str:
        """The page of its metrics, "" while there is none. Blocks."""
        return self._page("metrics")

    def health(self) -> tuple[bool, bool, str]:
        """Whether it lives, whether it is ready, and what is wrong with it. Blocks.

        One that does not answer is counted as alive: it is being started, or again.
        """
        try:
            found = json.loads(self._page("readyz"))
        except ValueError:
            return True, False, "it does not answer; it is being started, or ended"
        problems = (f"{name}: {each['problem']}" for name, each in found["checks"].items() if not each["ok"])
        return found["alive"], found["ready"], "; ".join(problems)

    def _page(self, name: str) -> str:
        try:
            with urlopen(f"http://{_HOST}:{self._metrics_port}/{name}", timeout=_ANSWER_S) as answer:
                page: bytes = answer.read()
        except HTTPError as error:  # not ready, which its body explains
            page = error.read()
        except OSError:
            return ""
        return page.decode()

    async def _watch(self) -> None:
        """Run it again and again, later each time while it keeps ending."""
        clock, pace = asyncio.get_running_loop(), RestartPace()
        while True:
            started_s = clock.time()
            status = await self._run()
            if self._ending.is_set():
                return
            self._deaths += 1
            delay_s = pace.delay_s(clock.time() - started_s)
            details = {"server_process": self.number, "exit_status": status, "delay_s": delay_s}
            _log.error("a server process died, starting it again", extra=details)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), delay_s)
                return

    async def _run(self) -> int:
        """Its exit status once it has ended; -1 where it could not even be started."""
        try:
            self._metrics_port = claim_port(_HOST, 0)
            self._process = await asyncio.create_subprocess_exec(
                # Asked to stop when the supervisor is killed, so that none is left behind.
                *command_under(os.getpid(), signal.SIGTERM, *self._command),
                env=self._environment(self._metrics_port),
                stdin=asyncio.subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C reaches the supervisor alone
            )
        except (OSError, ConfigurationError):
            return -1
        if self._ending.is_set():
            self._send(signal.SIGTERM)
        return await self._process.wait()

    def _send(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)
