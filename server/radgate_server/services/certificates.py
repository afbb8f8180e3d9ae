"""Looks now and then at every certificate that is configured, and tells until when each is good."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from radgate_server.core.certificates import CertificateUse, certificates_of_pacs
from radgate_server.core.errors import DatabaseUnavailableError
from radgate_server.core.ports.directory import PacsDirectory, TenantDirectory
from radgate_server.core.ports.telemetry import Telemetry

_log = logging.getLogger(__name__)

LOOK_S = 300.0
"""Time between two looks: files are renewed and PACS are added without a restart."""

type ReadExpiry = Callable[[CertificateUse], datetime | None]
"""Reads one file, blocking; None when it can't be read."""


class CertificateWatch:
    """Tells the telemetry of `own` certificates and of those of all PACS. `sleep` is asyncio.sleep, or a test's."""

    def __init__(
        self,
        own: Sequence[CertificateUse],
        tenants: TenantDirectory,
        pacs: PacsDirectory,
        read: ReadExpiry,
        telemetry: Telemetry,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._own = own
        self._tenants = tenants
        self._pacs = pacs
        self._read = read
        self._telemetry = telemetry
        self._sleep = sleep
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Watch from now on."""
        self._task = asyncio.create_task(self._watch(), name="certificates")

    async def close(self) -> None:
        """Watch no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def look(self) -> None:
        """Read all files once. Raises DatabaseUnavailableError when it can't be told which there are."""
        certificates = list(self._own)
        for tenant in await self._tenants.list_tenants():
            for config in await self._pacs.list_pacs(tenant.tenant_id):
                certificates += certificates_of_pacs(config)
        expiries = await asyncio.to_thread(lambda: {each: self._read(each) for each in certificates})
        self._telemetry.certificates(expiries)

    async def _watch(self) -> None:
        while True:
            try:
                await self.look()
            except DatabaseUnavailableError as error:
                _log.warning("certificates can't be watched: %s", error.message)
            except Exception:  # noqa: BLE001 - one defect must not end the watch
                _log.exception("certificates can't be watched")
            await self._sleep(LOOK_S)
