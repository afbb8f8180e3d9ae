"""Looks at intervals at every certificate that is configured or was seen, and reports until when each is valid."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from radgate_server.core.access.ports.directory import PacsDirectory, TenantDirectory
from radgate_server.core.errors import DatabaseUnavailableError
from radgate_server.core.pacs.connections import PacsConfig
from radgate_server.core.telemetry.certificates import CertificateUse, certificates_of_pacs
from radgate_server.core.telemetry.ports import Telemetry
from radgate_server.lib.condition_log import ConditionLog

_log = logging.getLogger(__name__)

LOOK_S = 300.0
"""Longest time between two looks: files are renewed and PACS are added without a restart."""

type ReadExpiry = Callable[[CertificateUse], datetime | None]
"""Reads one file, blocking; None when it can't be read."""


class ObservedCertificates:
    """Certificates that are in no file of ours: what PACS show in handshakes, what comes out of a secret."""

    def __init__(self) -> None:
        self._expiries: Mapping[CertificateUse, datetime] = {}
        self._on_change: Callable[[], None] = lambda: None

    def listen(self, on_change: Callable[[], None]) -> None:
        """Report each certificate that is new, or another one than before; in the thread that saw it."""
        self._on_change = on_change

    def observe(self, certificate: CertificateUse, expires: datetime) -> None:
        """Remember the certificate in place of the one before. A CertificateListener, for any thread."""
        if self._expiries.get(certificate) != expires:
            self._expiries = {**self._expiries, certificate: expires}
            self._on_change()

    def of(self, config: PacsConfig) -> Mapping[CertificateUse, datetime]:
        """Those of a PACS, none when it is not reached over TLS (any more)."""
        if not config.connection.over_tls:
            return {}
        place = (config.tenant_id, config.name)
        return {seen: expires for seen, expires in self._expiries.items() if (seen.tenant_id, seen.pacs) == place}


class CertificateMonitor:
    """Notifies the telemetry of `own` certificates, of those of all PACS, and of those that were seen."""

    def __init__(
        self,
        own: Sequence[CertificateUse],
        tenants: TenantDirectory,
        pacs: PacsDirectory,
        read: ReadExpiry,
        telemetry: Telemetry,
        observed_certificates: ObservedCertificates,
    ) -> None:
        self._own = own
        self._tenants = tenants
        self._pacs = pacs
        self._read = read
        self._telemetry = telemetry
        self._observed_certificates = observed_certificates
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Watch from now on."""
        news, loop = asyncio.Event(), asyncio.get_running_loop()

        def wake() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(news.set)

        self._observed_certificates.listen(wake)
        self._task = asyncio.create_task(self._watch(news), name="certificates")

    async def close(self) -> None:
        """Watch no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def look(self) -> None:
        """Read all files once. Raises DatabaseUnavailableError when it can't be determined which there are."""
        certificates, seen = list(self._own), dict[CertificateUse, datetime]()
        for tenant in await self._tenants.list_tenants():
            for config in await self._pacs.list_pacs(tenant.tenant_id):
                certificates += certificates_of_pacs(config)
                seen |= self._observed_certificates.of(config)
        expiries = await asyncio.to_thread(lambda: {each: self._read(each) for each in certificates})
        self._telemetry.certificates({**expiries, **seen})

    async def _watch(self, news: asyncio.Event) -> None:
        condition = ConditionLog(_log, "certificates can't be watched")
        while True:
            news.clear()
            try:
                await self.look()
                condition.succeeded()
            except DatabaseUnavailableError as error:
                condition.failed(error.message)
            except Exception:  # noqa: BLE001 - one defect must not end the watch
                _log.exception("certificates can't be watched")
            await _wait(news, LOOK_S)


async def _wait(news: asyncio.Event, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await news.wait()
    except TimeoutError:
        return
