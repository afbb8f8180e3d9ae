"""Whether the server lives, and whether it can serve: asked every few seconds, so that the answer costs nothing."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from radgate_server.core.errors import GatewayError
from radgate_server.core.pacs.health import ServerHealth
from radgate_server.core.telemetry.ports import Telemetry
from radgate_server.lib.clock import Clock
from radgate_server.services.repeating import Repeating, Sleep

_log = logging.getLogger(__name__)

LOOK_S = 2.0
CHECK_S = 2.0
"""A check that takes longer has failed."""

STALE_S = 30.0
"""When the event loop has not come to look for so long, the process is stuck and better replaced."""

type Check = Callable[[], Awaitable[str]]
"""Says what is wrong and what to do, "" when all is well; what it raises is a failure too."""


class Readiness(Repeating):
    """Asks the `checks` from `start` on, so that it is known that the process lives; it is not ready before `open`.

    `health` may be called from any thread; `sleep` is asyncio.sleep, or a test's.
    """

    def __init__(
        self,
        checks: Mapping[str, Check],
        clock: Clock,
        telemetry: Telemetry,
        *,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        trouble = "the health of the server can't be checked"
        super().__init__("readiness", interval_s=LOOK_S, trouble=trouble, wait_first=True, sleep=sleep)
        self._checks = dict(checks)
        self._advisory: set[str] = set()
        self._clock = clock
        self._telemetry = telemetry
        self._phase = "it is starting"
        self._problems: Mapping[str, str] = {"server": self._phase}
        self._looked_s = clock.monotonic_s()

    def add(self, name: str, check: Check, *, advisory: bool = False) -> None:
        """Ask this check too. What is `advisory` is shown, and leaves the server ready: no other would do better."""
        self._checks[name] = check
        if advisory:
            self._advisory.add(name)

    async def open(self) -> None:
        """Calls are taken from now on: report what the checks find."""
        self._phase = ""
        await self.look()

    def stop(self) -> None:
        """Report from now on that the server stops: whoever sends it calls should send them elsewhere."""
        self._phase = "it is stopping"
        self._problems = {"server": self._phase}

    async def look(self) -> None:
        """Ask all checks at once."""
        checks = dict(self._checks)
        problems = await asyncio.gather(*(self._ask(name, check) for name, check in checks.items()))
        found = dict(zip(checks, problems, strict=True))
        self._looked_s = self._clock.monotonic_s()
        if not self._phase:
            self._report(found)
            self._problems = found
            self._telemetry.health_checks(
                {name: not problem for name, problem in found.items() if name not in self._advisory}
            )

    def health(self) -> ServerHealth:
        """What was last found."""
        alive = self._clock.monotonic_s() - self._looked_s < STALE_S
        hindered = any(problem for name, problem in self._problems.items() if name not in self._advisory)
        return ServerHealth(alive, alive and not hindered, self._problems)

    def _report(self, found: Mapping[str, str]) -> None:
        """Log what has changed; what is so at the first look may still be starting."""
        for name, problem in found.items():
            if problem != self._problems.get(name, problem):
                level = logging.WARNING if problem else logging.INFO
                _log.log(level, "health: %s", problem or "well again", extra={"check": name})

    async def _ask(self, name: str, check: Check) -> str:
        try:
            async with asyncio.timeout(CHECK_S):
                return await check()
        except TimeoutError:
            return f"no answer within {CHECK_S:g} seconds"
        except GatewayError as error:
            return error.message
        except Exception:  # noqa: BLE001 - a defect of one check
            _log.exception("a health check failed", extra={"check": name})
            return "the check itself failed; the server's log says why"
