"""Looks at intervals at every certificate that is configured or was seen, and reports until when each is valid."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from radgate_server.core.access.ports.directory import PacsDirectory, TenantDirectory
from radgate_server.core.pacs.connections import PacsConfig
from radgate_server.core.telemetry.certificates import CertificateUse, certificates_of_pacs
from radgate_server.core.telemetry.ports import Telemetry
from radgate_server.services.repeating import Repeating

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


class CertificateMonitor(Repeating):
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
        trouble = "certificates can't be watched"
        super().__init__("certificates", interval_s=LOOK_S, trouble=trouble, sleep=self._until_observed)
        self._own = own
        self._tenants = tenants
        self._pacs = pacs
        self._read = read
        self._telemetry = telemetry
        self._observed_certificates = observed_certificates
        self._observed = asyncio.Event()

    def start(self) -> None:
        """Watch from now on; a certificate that is observed is reported at once."""
        loop = asyncio.get_running_loop()

        def wake() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._observed.set)

        self._observed_certificates.listen(wake)
        super().start()

    async def look(self) -> None:
        """Read all files once. Raises DatabaseUnavailableError when it can't be determined which there are."""
        self._observed.clear()
        certificates, seen = list(self._own), dict[CertificateUse, datetime]()
        for tenant in await self._tenants.list_tenants():
            for config in await self._pacs.list_pacs(tenant.tenant_id):
                certificates += certificates_of_pacs(config)
                seen |= self._observed_certificates.of(config)
        expiries = await asyncio.to_thread(lambda: {each: self._read(each) for each in certificates})
        self._telemetry.certificates({**expiries, **seen})

    async def _until_observed(self, timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await self._observed.wait()
        except TimeoutError:
            return
