"""TLS and user identity towards a PACS."""

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pynetdicom.events import Event

from radgate_server.adapters.pacs.dimse import StorageScp, build_dimse_pacs
from radgate_server.config import DimseSettings
from radgate_server.core.errors import ConfigurationError, PacsRejectedError, PacsUnreachableError
from radgate_server.core.pacs import DimseConnection, DimseTls
from radgate_server.core.ports.pacs import EchoReport
from tests.conformance.pacs_suite import config_of
from tests.fakes.telemetry import RecordingTelemetry
from tests.integration.faulty_scp import FaultyScp

SETTINGS = DimseSettings(connect_timeout_s=3, idle_timeout_s=3)

# pynetdicom's own server, our counterpart here, leaves sockets to the garbage collector when the peer was faster.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]


def write_certificate(folder: Path, name: str, address: str = "127.0.0.1") -> tuple[Path, Path]:
    """A self-signed certificate for an address, and its key, as PEM files."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / f"{name}.pem", folder / f"{name}.key"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    encryption = serialization.NoEncryption()
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    key_file.write_bytes(key.private_bytes(encoding, form, encryption))
    return certificate_file, key_file


def server_context(certificate: tuple[Path, Path], trusted: Path | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(trusted) if trusted else None)
    context.load_cert_chain(*map(str, certificate))
    if trusted:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


async def echo(port: int, *, tls: DimseTls | None = None, username: str = "", password: str = "") -> EchoReport:
    connection = DimseConnection("127.0.0.1", port, "FAULTY", "RADGATE", tls=tls, username=username, password=password)
    scp = StorageScp("RADGATE", host="127.0.0.1", port=0, settings=SETTINGS)
    telemetry = RecordingTelemetry()
    client = build_dimse_pacs(config_of(connection), settings=SETTINGS, storage_scp=scp, telemetry=telemetry)
    try:
        return await client.echo.echo()
    finally:
        await client.close()


async def test_mutual_tls(tmp_path: Path) -> None:
    ours, theirs = write_certificate(tmp_path, "gateway"), write_certificate(tmp_path, "pacs")
    with FaultyScp(tls=server_context(theirs, trusted=ours[0])) as scp:
        report = await echo(scp.port, tls=DimseTls(str(theirs[0]), str(ours[0]), str(ours[1])))
    assert report.latency_ms > 0


async def test_a_pacs_that_the_ca_does_not_vouch_for(tmp_path: Path) -> None:
    other, theirs = write_certificate(tmp_path, "other"), write_certificate(tmp_path, "pacs")
    with FaultyScp(tls=server_context(theirs)) as scp, pytest.raises(PacsUnreachableError, match="TLS handshake"):
        await echo(scp.port, tls=DimseTls(str(other[0])))


async def test_a_certificate_for_another_host(tmp_path: Path) -> None:
    theirs = write_certificate(tmp_path, "pacs", address="192.0.2.1")
    with FaultyScp(tls=server_context(theirs)) as scp:
        with pytest.raises(PacsUnreachableError, match="TLS handshake"):
            await echo(scp.port, tls=DimseTls(str(theirs[0])))
        assert await echo(scp.port, tls=DimseTls(str(theirs[0]), verify_host=False))


async def test_a_missing_certificate_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        await echo(104, tls=DimseTls(str(tmp_path / "missing.pem")))
    assert str(tmp_path) not in str(caught.value)


async def test_user_name_and_passcode_are_negotiated() -> None:
    seen: list[tuple[int, bytes, bytes]] = []

    def check(event: Event) -> tuple[bool, bytes | None]:
        seen.append((event.user_id_type, event.primary_field, event.secondary_field))
        return event.secondary_field == b"right", None

    with FaultyScp(on_identity=check) as scp:
        await echo(scp.port, username="gateway", password="right")
        with pytest.raises(PacsRejectedError):
            await echo(scp.port, username="gateway", password="wrong")
    assert seen[0] == (2, b"gateway", b"right")
