"""Asking one candidate whether it is a PACS and what it can do, with the very adapter that will be used afterwards."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from radgate_server.core.errors import GatewayError, PacsError, PacsTimeoutError, PacsUnreachableError
from radgate_server.core.networks import Address
from radgate_server.core.pacs.capabilities import Capabilities
from radgate_server.core.pacs.connections import PacsConfig, PacsConnection
from radgate_server.core.pacs.detection import Finding, finding_of
from radgate_server.core.pacs.ports import PacsClient, PacsFactory
from radgate_server.core.secrets.secret import NO_SECRET
from radgate_server.lib.clock import Clock

PROBE_NAME = "detected"
"""What a PACS that is being detected is called in errors and metrics."""

type Dial = Callable[[Address, int], Awaitable[None]]
"""Opens a TCP connection and closes it again. Raises OSError."""


async def dial(address: Address, port: int) -> None:
    """See whether somebody listens."""
    _, writer = await asyncio.open_connection(str(address), port)
    writer.close()
    await writer.wait_closed()


class Prober:
    """Asks at most `parallel` candidates at the same time, each for `deadline_s` seconds a question."""

    def __init__(
        self, factories: Mapping[str, PacsFactory], clock: Clock, dial: Dial, *, deadline_s: float, parallel: int
    ) -> None:
        self._factories = factories
        self._clock = clock
        self._dial = dial
        self._deadline_s = deadline_s
        self._slots = asyncio.Semaphore(parallel)

    async def listens(self, address: Address, port: int) -> PacsError | None:
        """Try the port; return what is wrong with it, None if somebody listens."""
        try:
            async with asyncio.timeout(self._deadline_s):
                await self._dial(address, port)
        except TimeoutError:
            return PacsUnreachableError("the host did not answer at this port in time", pacs=PROBE_NAME)
        except ConnectionRefusedError:
            return PacsUnreachableError("nothing listens at this port", pacs=PROBE_NAME)
        except OSError:
            return PacsUnreachableError("the host can't be reached", pacs=PROBE_NAME)
        return None

    async def ask(
        self, candidate: PacsConnection, address: Address, ends_s: float, *, confined: bool = False
    ) -> Finding | GatewayError:
        """Make a health check and then for what it can do, until the event loop's time `ends_s`."""
        config = PacsConfig("", PROBE_NAME, candidate.pinned(address), self._clock.now(), confined=confined)
        async with self._slots:
            try:
                client = self._factories[candidate.kind](config)
            except GatewayError as error:
                return error
            try:
                return await self._question(client, candidate, ends_s)
            except TimeoutError:
                return PacsTimeoutError("there was no answer in time", pacs=PROBE_NAME)
            except GatewayError as error:
                return error
            finally:
                await client.close()

    async def _question(self, client: PacsClient, candidate: PacsConnection, ends_s: float) -> Finding:
        async with asyncio.timeout(self._deadline_s):
            report = await client.echo.echo()
        capabilities = await self._describe(client, ends_s)
        notes = () if capabilities else ("it answers, but did not state in time what it can do",)
        return finding_of(candidate.with_secret(NO_SECRET), capabilities or Capabilities(), report.latency_ms, *notes)

    async def _describe(self, client: PacsClient, ends_s: float) -> Capabilities | None:
        """What it can do; None for one that answers but does not state it, which is a finding all the same."""
        if client.describer is None:
            return None
        try:
            async with asyncio.timeout_at(min(asyncio.get_running_loop().time() + self._deadline_s, ends_s)):
                return await client.describer.describe()
        except (TimeoutError, PacsError):
            return None
