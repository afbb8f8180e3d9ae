"""What the adapter of another package has of this server: connections within the address policy, TLS, secrets."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from radgate_server.adapters.pacs.destinations import REFUSED, AddressRefusedError, Destinations
from radgate_server.adapters.pacs.tls_files import check_regular
from radgate_server.core.errors import ConfigurationError, PacsTlsFailedError, PacsUnreachableError
from radgate_server.core.pacs.connections import PacsConfig
from radgate_server.core.pacs.kinds.kind import ConnectionKind
from radgate_server.core.pacs.ports import PacsClient
from radgate_server.core.secrets.ports import SecretReader

type Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True, slots=True)
class AdapterContext:
    """What an adapter is given for one PACS, `pacs` by name. `secrets` reads its secret at the time of use."""

    pacs: str
    secrets: SecretReader
    destinations: Destinations

    async def connect(
        self, host: str, port: int, *, tls: ssl.SSLContext | None = None, timeout_s: float = 10.0
    ) -> Streams:
        """Open a connection to one of the host's addresses, which are resolved now; the caller closes it.

        With `tls`, the certificate has to be valid for `host`.

        Raises:
            PacsUnreachableError: an address is not open to the PACS's tenant, or none answers within `timeout_s`.
            PacsTlsFailedError: the handshake failed.
        """
        try:
            async with asyncio.timeout(timeout_s):
                return await self._dial(host, port, tls)
        except AddressRefusedError:
            raise PacsUnreachableError(REFUSED, pacs=self.pacs) from None
        except ssl.SSLError:
            raise PacsTlsFailedError(
                "the TLS handshake with the PACS failed: check the certificates on both sides", pacs=self.pacs
            ) from None
        except (OSError, UnicodeError):  # TimeoutError is an OSError
            raise PacsUnreachableError("the PACS can't be reached at its address", pacs=self.pacs) from None

    async def _dial(self, host: str, port: int, tls: ssl.SSLContext | None) -> Streams:
        *others, last = await self.destinations.resolve_soon(host, port, None)
        name = host if tls else None
        for address in others:
            try:
                return await asyncio.open_connection(address, port, ssl=tls, server_hostname=name)
            except ssl.SSLError:
                raise
            except OSError:
                continue
        return await asyncio.open_connection(last, port, ssl=tls, server_hostname=name)

    def tls(self, ca_file: str = "", certificate_file: str = "", private_key_file: str = "") -> ssl.SSLContext:
        """Make a context of TLS 1.2 or newer that trusts the system's authorities and `ca_file`. Blocks.

        Paths are PEM files, "" when not used.

        Raises:
            ConfigurationError: a file can't be used.
        """
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            check_regular(ca_file, certificate_file, private_key_file)
            if ca_file:
                context.load_verify_locations(cafile=ca_file)
            if certificate_file:
                context.load_cert_chain(certificate_file, private_key_file or None)
        except (OSError, ValueError):
            raise ConfigurationError("a certificate or key file of the PACS's TLS settings can't be used") from None
        return context


@dataclass(frozen=True, slots=True)
class PacsAdapter:
    """A kind of PACS of another package: the object of an entry point of the group `radgate.pacs_adapters`.

    `open` makes the client of a PACS without I/O; connections are opened when first used, through the context.
    """

    kind: ConnectionKind
    open: Callable[[PacsConfig, AdapterContext], PacsClient]
