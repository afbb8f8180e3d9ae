"""Which certificates the server and its connections use, so that their expiry is noticed before it happens."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from radgate_server.core.pacs.connections import PacsConfig


class Use(StrEnum):
    """What a certificate is for. Authorities vouch for the other side, the others are our own or the PACS's."""

    SCP = "scp"
    SCP_AUTHORITIES = "scp-authorities"
    ENDPOINT = "endpoint"
    CLIENT_AUTHORITIES = "client-authorities"
    ORDERS = "orders"
    ORDER_AUTHORITIES = "order-authorities"
    PACS_SERVER = "pacs-server"
    PACS_CLIENT = "pacs-client"
    PACS_AUTHORITIES = "pacs-authorities"

    @property
    def of_authorities(self) -> bool:
        """Whether the file names whom we trust; one good authority of several is enough."""
        return self.value.endswith("-authorities")


@dataclass(frozen=True, slots=True)
class CertificateUse:
    """One PEM file that is in use, "" for what was seen; `tenant_id` and `pacs` are "" for the server's own."""

    use: Use
    file: str = field(repr=False)
    tenant_id: str = ""
    pacs: str = ""


type CertificateListener = Callable[[CertificateUse, datetime], None]
"""Is notified of a certificate that is in no file, and until when it is good; in any thread."""


def ignore_certificate(_certificate: CertificateUse, _expires: datetime) -> None:
    """A CertificateListener for where nobody watches certificates."""


def certificates_of_scp(certificate_file: str, ca_file: str) -> Iterator[CertificateUse]:
    """What the storage SCP uses over TLS; "" for what is not configured."""
    files = ((Use.SCP, certificate_file), (Use.SCP_AUTHORITIES, ca_file))
    yield from (CertificateUse(use, file) for use, file in files if file)


def certificates_of_endpoint(certificate_file: str, client_ca_file: str) -> Iterator[CertificateUse]:
    """What the port that clients use shows, and whom it trusts; "" for what is not configured."""
    files = ((Use.ENDPOINT, certificate_file), (Use.CLIENT_AUTHORITIES, client_ca_file))
    yield from (CertificateUse(use, file) for use, file in files if file)


def certificates_of_orders(certificate_file: str, client_ca_file: str) -> Iterator[CertificateUse]:
    """What the port for orders shows, and whom it trusts; "" for what is not configured."""
    files = ((Use.ORDERS, certificate_file), (Use.ORDER_AUTHORITIES, client_ca_file))
    yield from (CertificateUse(use, file) for use, file in files if file)


def certificates_of_pacs(config: PacsConfig) -> Iterator[CertificateUse]:
    """What the connection to a PACS uses."""
    used = config.connection.certificate_files
    files = ((Use.PACS_CLIENT, used.client), (Use.PACS_AUTHORITIES, used.authorities))
    yield from (CertificateUse(use, file, config.tenant_id, config.name) for use, file in files if file)
