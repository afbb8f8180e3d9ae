"""Certificates of a hospital, in files."""

import ssl
from pathlib import Path

from radgate_server.core.pacs.connections import DimseTls
from radgate_server.settings.pacs import DimseSettings
from tests.fakes.authority import Authority
from tests.integration.certificates import write_certificate

PLAIN = DimseSettings(connect_timeout_s=30, idle_timeout_s=30)
HERE = "IP:127.0.0.1"


class Hospital:
    """Certificates in files: the gateway's and the PACS's of one authority, and what must not do."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority("hospital")
        self.ca = folder / "ca.pem"
        self.gateway = self.authority.sign(HERE).write(folder, "gateway")
        self.pacs = self.authority.sign(HERE, "DNS:pacs.internal").write(folder, "pacs")
        self.stranger = Authority("stranger").sign(HERE).write(folder, "stranger")
        self.expired = write_certificate(folder, "expired", days=-0.01)
        self.ca.write_bytes(self.authority.certificate + self.expired[0].read_bytes())

    @property
    def settings(self) -> DimseSettings:
        certificate, key = map(str, self.gateway)
        files = {"scp_certificate_file": certificate, "scp_private_key_file": key, "scp_ca_file": str(self.ca)}
        return PLAIN.model_copy(update=files)

    def tls(self, **changes: object) -> DimseTls:
        certificate, key = map(str, self.gateway)
        return DimseTls(**{"ca_file": str(self.ca), "certificate_file": certificate, "private_key_file": key} | changes)  # type: ignore[arg-type]


def options_of(certificate: tuple[Path, Path], ca: Path) -> tuple[str, ...]:
    return ("+tls", str(certificate[1]), str(certificate[0]), "+cf", str(ca))


def server_of(certificate: tuple[Path, Path], ca: Path | None = None, ciphers: str = "") -> ssl.SSLContext:
    """What a PACS listens by; with `ca` it wants a certificate, with `ciphers` it speaks TLS 1.2 alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*map(str, certificate))
    if ca:
        context.load_verify_locations(cafile=str(ca))
        context.verify_mode = ssl.CERT_REQUIRED
    if ciphers:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(ciphers)
    return context
