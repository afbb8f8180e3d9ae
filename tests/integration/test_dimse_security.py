"""TLS and user identity towards a PACS."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.events import Event

from radgate_server.adapters.pacs.dimse import StorageScp, build_dimse_pacs
from radgate_server.core.dicom.identifiers import InstanceRef, RetrieveScope
from radgate_server.core.dicom.instances import ListedInstance
from radgate_server.core.errors import ConfigurationError, PacsRejectedError, PacsTlsFailedError
from radgate_server.core.pacs.connections import DimseConnection, DimseTls, RetrieveMethod
from radgate_server.core.pacs.ports import EchoReport
from radgate_server.core.secrets.secret import Secret
from radgate_server.settings.pacs import DimseSettings
from tests.conformance.pacs_suite import config_of, fetch
from tests.fakes.telemetry import RecordingTelemetry
from tests.integration.certificates import server_context, write_certificate
from tests.integration.faulty_scp import FaultyScp, ct_instance

SETTINGS = DimseSettings(connect_timeout_s=30, idle_timeout_s=30)
CT = "1.2.840.10008.5.1.4.1.1.2"
LISTED = [ListedInstance(InstanceRef("1.2.3", "1.2.3.4", "1.2.3.4.0"), CT)]

# pynetdicom's own server, our counterpart here, leaves sockets to the garbage collector when the peer was faster.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]


def client_context(certificate: tuple[Path, Path], trusted: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(trusted[0]))
    context.load_cert_chain(*map(str, certificate))
    return context


def secured_by(certificate: tuple[Path, Path], trusted: tuple[Path, Path]) -> DimseSettings:
    return SETTINGS.model_copy(
        update={
            "scp_certificate_file": str(certificate[0]),
            "scp_private_key_file": str(certificate[1]),
            "scp_ca_file": str(trusted[0]),
        }
    )


def send(port: int, message_id: int | None, context: ssl.SSLContext) -> int | None:
    """C-STORE the first of LISTED for a move; its status."""
    ae = AE("FAULTY")
    ae.add_requested_context(CT, ExplicitVRLittleEndian)
    association = ae.associate("127.0.0.1", port, ae_title="RADGATE", tls_args=(context, "127.0.0.1"))
    instance = ct_instance(0, pixel_bytes=1 << 20)  # many records of TLS
    status = association.send_c_store(instance, originator_aet="RADGATE", originator_id=message_id)
    association.release()
    return status.get("Status")


def is_cut(port: int, context: ssl.SSLContext | None) -> bool:
    """Whether the server ends a connection that is plain, or secured by this context, before it says anything."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as plain:
        try:
            with context.wrap_socket(plain, server_hostname="127.0.0.1") if context else nullcontext(plain) as peer:
                peer.sendall(bytes(100))
                return peer.recv(1) == b""
        except (ssl.SSLError, ConnectionError):
            return True


async def echo(port: int, *, tls: DimseTls | None = None, username: str = "", password: str = "") -> EchoReport:
    connection = DimseConnection(
        "127.0.0.1", port, "FAULTY", "RADGATE", tls=tls, username=username, password=Secret(password)
    )
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
    with FaultyScp(tls=server_context(theirs)) as scp, pytest.raises(PacsTlsFailedError, match="no trusted authority"):
        await echo(scp.port, tls=DimseTls(str(other[0])))


async def test_a_certificate_for_another_host(tmp_path: Path) -> None:
    theirs = write_certificate(tmp_path, "pacs", address="192.0.2.1")
    with FaultyScp(tls=server_context(theirs)) as scp:
        with pytest.raises(PacsTlsFailedError, match="does not name its address"):
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


async def test_a_move_brings_instances_over_tls_alone(tmp_path: Path) -> None:
    ours, theirs, other = (write_certificate(tmp_path, name) for name in ("gateway", "pacs", "other"))
    secured = secured_by(ours, trusted=theirs)
    scp = StorageScp("RADGATE", host="127.0.0.1", port=0, settings=secured)
    await scp.start()
    statuses: list[int | None] = []

    def move(event: Event) -> Iterator[Any]:
        with socket.create_connection(("127.0.0.1", scp.port)):  # says nothing, and holds up nobody
            statuses.append(send(scp.port, event.request.MessageID, client_context(theirs, trusted=ours)))
        yield "127.0.0.1", scp.port
        yield 0

    with FaultyScp(on_move=move) as pacs:
        connection = DimseConnection("127.0.0.1", pacs.port, "FAULTY", "RADGATE", RetrieveMethod.MOVE)
        telemetry = RecordingTelemetry()
        client = build_dimse_pacs(config_of(connection), settings=secured, storage_scp=scp, telemetry=telemetry)
        arrivals = await fetch(client, RetrieveScope("1.2.3"), LISTED)
        await client.close()
    assert is_cut(scp.port, None)
    assert is_cut(scp.port, client_context(other, trusted=ours))
    await scp.close()
    assert [arrival.ref for arrival in arrivals] == [LISTED[0].ref]
    assert statuses == [0]


@pytest.mark.parametrize("given", [{"scp_certificate_file"}, {"scp_ca_file"}, {"scp_certificate_file", "scp_ca_file"}])
async def test_certificates_of_the_storage_scp_that_can_not_be_used(tmp_path: Path, given: set[str]) -> None:
    settings = SETTINGS.model_copy(update=dict.fromkeys(given, str(tmp_path / "missing.pem")))
    with pytest.raises(ConfigurationError, match="scp_") as caught:
        await StorageScp("RADGATE", host="127.0.0.1", port=0, settings=settings).start()
    assert str(tmp_path) not in str(caught.value)
