"""PACS made from a script: which connections answer, and how."""

import asyncio
from collections.abc import Callable

from radgate_server.core.errors import PacsError
from radgate_server.core.pacs.capabilities import Capabilities
from radgate_server.core.pacs.connections import PacsConfig, PacsConnection
from radgate_server.core.pacs.ports import EchoReport, PacsClient, PacsFactory
from tests.fakes.memory_pacs import MemoryPacs

type Script = Callable[[PacsConnection], Capabilities | PacsError | None]
"""What a connection leads to: a PACS that can do this, a failure, or (None) silence."""


class ScriptedPacs:
    """Factories of clients that follow a script. `asked` holds their connections; `open` those not closed yet."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.asked: list[PacsConnection] = []
        self.open: list[PacsConnection] = []
        self.most_open = 0
        self.silent_description = False

    @property
    def factories(self) -> dict[str, PacsFactory]:
        """One for each kind that is on the network."""
        return dict.fromkeys(("dimse", "dicomweb", "orthanc"), self._connect)

    def _connect(self, config: PacsConfig) -> PacsClient:
        self.asked.append(config.connection)
        self.open.append(config.connection)
        self.most_open = max(self.most_open, len(self.open))
        role = _Role(self, config.connection, self._script(config.connection))
        memory = MemoryPacs()
        return PacsClient(config.name, role, memory, memory, None, role.close, describer=role)


class _Role:
    """PacsEcho and PacsDescriber."""

    def __init__(
        self, pacs: ScriptedPacs, connection: PacsConnection, outcome: Capabilities | PacsError | None
    ) -> None:
        self._pacs = pacs
        self._connection = connection
        self._outcome = outcome

    async def echo(self) -> EchoReport:
        await asyncio.sleep(0)
        await self._answer()
        return EchoReport(2.0, "")

    async def describe(self) -> Capabilities:
        if self._pacs.silent_description:
            await asyncio.Event().wait()
        return await self._answer()

    async def close(self) -> None:
        await asyncio.sleep(0)
        self._pacs.open.remove(self._connection)

    async def _answer(self) -> Capabilities:
        if self._outcome is None:
            await asyncio.Event().wait()
        if isinstance(self._outcome, PacsError):
            raise self._outcome
        assert self._outcome is not None
        return self._outcome
