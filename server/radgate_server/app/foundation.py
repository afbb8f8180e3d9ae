"""What each part of a running server is built on."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Protocol

from radgate_server.adapters.telemetry import PrometheusTelemetry
from radgate_server.core.telemetry.tracing import Tracer
from radgate_server.installation.opening import Installation
from radgate_server.lib.clock import Clock
from radgate_server.services.telemetry.readiness import Readiness
from radgate_server.settings.settings import Settings


class Runner(Protocol):
    """What works in the background from `start` to `close`; one that was never started may be closed too."""

    def start(self) -> None:
        """Work from now on."""
        ...

    async def close(self) -> None:
        """Work no more."""
        ...


class SlowRunner(Protocol):
    """A Runner that has something to read before it works."""

    async def start(self) -> None:
        """Read it, and work from now on."""
        ...

    async def close(self) -> None:
        """Work no more."""
        ...


@dataclass(frozen=True, slots=True)
class Foundation:
    """Settings, and what was opened first. `stack` closes what each part opens, the last one first.

    Parts add to `readiness` what serving needs of them. Without `background`, no runner is started: tests have them
    work when the test says so.
    """

    stack: AsyncExitStack
    settings: Settings
    clock: Clock
    telemetry: PrometheusTelemetry
    installation: Installation
    readiness: Readiness
    tracer: Tracer | None = None
    background: bool = True

    def run(self, *runners: Runner) -> None:
        """Let them work until the server ends."""
        for runner in runners:
            if self.background:
                runner.start()
            self.stack.push_async_callback(runner.close)

    async def run_slow(self, runner: SlowRunner) -> None:
        """Let it work until the server ends; it has read what it needs when this returns."""
        if self.background:
            await runner.start()
        self.stack.push_async_callback(runner.close)
