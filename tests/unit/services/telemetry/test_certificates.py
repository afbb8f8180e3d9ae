"""Which certificates are watched, and until when they are good."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from radgate_server.adapters.tls.certificates import read_expiry
from radgate_server.core.access.tenancy import Tenant
from radgate_server.core.pacs.connections import (
    DicomWebConnection,
    DimseConnection,
    DimseTls,
    FolderConnection,
    HttpTls,
    PacsConfig,
    PacsConnection,
)
from radgate_server.core.telemetry.certificates import (
    CertificateUse,
    Use,
    certificates_of_endpoint,
    certificates_of_scp,
)
from radgate_server.services.telemetry.certificates import CertificateMonitor, ObservedCertificates
from tests.fakes.clock import START
from tests.fakes.directory import MemoryDirectory
from tests.fakes.telemetry import RecordingTelemetry
from tests.fakes.waiting import until
from tests.integration.certificates import write_certificate

CONNECTIONS: dict[str, PacsConnection] = {
    "plain": DimseConnection("pacs.example", 104, "A", "B"),
    "dimse": DimseConnection("pacs.example", 104, "A", "B", tls=DimseTls("ca.pem", "client.pem", "client.key")),
    "web": DicomWebConnection("https://pacs.example", tls=HttpTls(ca_file="web-ca.pem")),
    "folder": FolderConnection("/images"),
}


async def test_watches_those_of_the_storage_scp_and_of_every_pacs() -> None:
    directory, telemetry = MemoryDirectory(), RecordingTelemetry()
    await directory.create_tenant(Tenant("east", START))
    for name, connection in CONNECTIONS.items():
        await directory.create_pacs(PacsConfig("east", name, connection, START))
    own = (*certificates_of_scp("scp.pem", "scp-ca.pem"), *certificates_of_endpoint("door.pem", "clients.pem"))
    watch = CertificateMonitor(own, directory, directory, lambda _: START, telemetry, ObservedCertificates())
    await watch.look()
    assert {(each.use, each.pacs, each.file) for each in telemetry.expiries} == {
        (Use.SCP, "", "scp.pem"),
        (Use.SCP_AUTHORITIES, "", "scp-ca.pem"),
        (Use.ENDPOINT, "", "door.pem"),
        (Use.CLIENT_AUTHORITIES, "", "clients.pem"),
        (Use.PACS_CLIENT, "dimse", "client.pem"),
        (Use.PACS_AUTHORITIES, "dimse", "ca.pem"),
        (Use.PACS_AUTHORITIES, "web", "web-ca.pem"),
    }
    assert set(telemetry.expiries.values()) == {START}


def test_what_is_not_configured_is_not_watched() -> None:
    assert [*certificates_of_scp("", ""), *certificates_of_endpoint("", "")] == []


def test_reads_until_when_a_certificate_is_good(tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path, "pacs")
    expires = read_expiry(CertificateUse(Use.SCP, str(certificate)))
    assert expires is not None
    assert timedelta(0) < expires - datetime.now(UTC) < timedelta(hours=2)
    assert read_expiry(CertificateUse(Use.SCP, str(key))) is None
    assert read_expiry(CertificateUse(Use.SCP, str(tmp_path / "missing.pem"))) is None
    assert read_expiry(CertificateUse(Use.SCP, str(tmp_path))) is None


def test_a_chain_is_as_good_as_what_ends_first_and_authorities_as_what_ends_last(tmp_path: Path) -> None:
    sooner, _ = write_certificate(tmp_path, "sooner", days=1)
    later, _ = write_certificate(tmp_path, "later", days=100)
    both = tmp_path / "both.pem"
    both.write_bytes(sooner.read_bytes() + later.read_bytes())
    ends = [read_expiry(CertificateUse(Use.SCP, str(file))) for file in (sooner, later)]
    assert read_expiry(CertificateUse(Use.PACS_CLIENT, str(both))) == ends[0]
    assert read_expiry(CertificateUse(Use.PACS_AUTHORITIES, str(both))) == ends[1]


def test_no_file_name_is_shown() -> None:
    assert "secret" not in repr(CertificateUse(Use.SCP, "/secret/scp.pem"))


SEEN = CertificateUse(Use.PACS_SERVER, "", "east", "dimse")


async def test_reports_what_a_pacs_shows_for_as_long_as_it_is_reached_over_tls() -> None:
    directory, telemetry, observed_certificates = MemoryDirectory(), RecordingTelemetry(), ObservedCertificates()
    await directory.create_tenant(Tenant("east", START))
    for name in ("plain", "dimse"):
        await directory.create_pacs(PacsConfig("east", name, CONNECTIONS[name], START))
    observed_certificates.observe(SEEN, START)
    observed_certificates.observe(CertificateUse(Use.PACS_SERVER, "", "east", "plain"), START)
    observed_certificates.observe(CertificateUse(Use.PACS_SERVER, "", "west", "dimse"), START)
    watch = CertificateMonitor((), directory, directory, lambda _: None, telemetry, observed_certificates)
    await watch.look()
    assert {seen for seen, expires in telemetry.expiries.items() if expires} == {SEEN}
    await directory.update_pacs(PacsConfig("east", "dimse", CONNECTIONS["plain"], START))
    await watch.look()
    assert telemetry.expiries == {}


async def test_what_is_seen_again_is_reported_at_once_and_once() -> None:
    directory, telemetry, observed_certificates = MemoryDirectory(), RecordingTelemetry(), ObservedCertificates()
    await directory.create_tenant(Tenant("east", START))
    await directory.create_pacs(PacsConfig("east", "dimse", CONNECTIONS["dimse"], START))
    watch = CertificateMonitor((), directory, directory, lambda _: None, telemetry, observed_certificates)
    watch.start()
    await until(lambda: bool(telemetry.expiries))
    for expires in (START, START + timedelta(days=90)):
        await asyncio.to_thread(observed_certificates.observe, SEEN, expires)
        await until(lambda expires=expires: telemetry.expiries.get(SEEN) == expires)  # type: ignore[misc]
    reported: list[bool] = []
    observed_certificates.listen(lambda: reported.append(True))
    observed_certificates.observe(SEEN, START + timedelta(days=90))
    assert reported == []
    await watch.close()


def test_the_runbook_explains_every_use() -> None:
    runbook = (Path(__file__).parents[4] / "docs" / "runbook.md").read_text()
    assert not [use for use in Use if f"| `{use.value}` |" not in runbook]
