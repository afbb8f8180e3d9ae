"""DIMSE over TLS towards a PACS (PS3.15 B.12): DCMTK, Orthanc and Python's own."""

import gc
import socket
import ssl
import subprocess
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from radgate_server.adapters.pacs.dimse import StorageScp, build_dimse_pacs
from radgate_server.core.dicom.identifiers import RetrieveScope
from radgate_server.core.dicom.instances import ReceivedInstance
from radgate_server.core.errors import PacsError, PacsFailedError, PacsTlsFailedError
from radgate_server.core.pacs.connections import DimseConnection, DimseTls, RetrieveMethod, TlsProfile
from radgate_server.core.pacs.ports import EchoReport, PacsClient
from radgate_server.core.secrets.secret import Secret, SecretSource
from radgate_server.core.telemetry.certificates import CertificateUse, Use
from tests.conformance.pacs_suite import config_of, fetch
from tests.fakes.telemetry import RecordingTelemetry
from tests.integration.faulty_scp import FaultyScp
from tests.integration.hospital import HERE, PLAIN, Hospital, options_of, server_of
from tests.integration.orthanc import OrthancServer
from tests.integration.ports import free_port
from tests.integration.storescu import FILE, listed
from tests.integration.waiting import until

# pynetdicom's own server, our counterpart here, leaves sockets to the garbage collector when the peer was faster.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings(
        "ignore:Exception ignored in. <(ssl.SSLS|s)ocket:pytest.PytestUnraisableExceptionWarning"
    ),
]


@pytest.fixture
def hospital(tmp_path: Path) -> Hospital:
    return Hospital(tmp_path)


class Given:
    """SecretReader of one secret, wherever it is said to be kept."""

    def __init__(self, text: str = "") -> None:
        self.text = text

    async def read(self, pacs: str, source: SecretSource, *, refused: Secret | None = None) -> Secret:
        return source if isinstance(source, Secret) else Secret(self.text)


async def echo(
    port: int, tls: DimseTls, secrets: Given | None = None, seen: dict[CertificateUse, datetime] | None = None
) -> EchoReport:
    connection = DimseConnection("127.0.0.1", port, "FAULTY", "RADGATE", tls=tls)
    client = connect(connection, StorageScp("RADGATE", host="127.0.0.1", port=0, settings=PLAIN), secrets, seen)
    try:
        return await client.echo.echo()
    finally:
        await client.close()


def connect(
    connection: DimseConnection,
    scp: StorageScp,
    secrets: Given | None = None,
    seen: dict[CertificateUse, datetime] | None = None,
) -> PacsClient:
    return build_dimse_pacs(
        config_of(connection),
        settings=PLAIN,
        storage_scp=scp,
        telemetry=RecordingTelemetry(),
        secrets=secrets or Given(),
        on_certificate=({} if seen is None else seen).__setitem__,
    )


@pytest.mark.parametrize(
    ("server", "changes", "reported"),
    [
        (lambda h: server_of(h.stranger), {}, "no trusted authority vouches"),
        (lambda h: server_of(h.expired), {}, "has expired: renew it there"),
        (lambda h: server_of(h.pacs), {"server_name": "other.internal"}, "does not name its host"),
        (lambda h: server_of(h.pacs, h.ca), {"certificate_file": "", "private_key_file": ""}, "wants a certificate"),
        (lambda h: server_of(h.pacs, ciphers="ECDHE+AES:!AESGCM:!AESCCM"), {}, "no TLS suite of this profile"),
        (lambda _: None, {}, "speaks no TLS"),
    ],
    ids=["authority", "expired", "name", "no certificate", "weak suites", "without TLS"],
)
async def test_a_handshake_that_fails_says_why(
    hospital: Hospital, server: Callable[[Hospital], ssl.SSLContext | None], changes: dict[str, object], reported: str
) -> None:
    with FaultyScp(tls=server(hospital)) as pacs, pytest.raises(PacsTlsFailedError, match=reported):
        await echo(pacs.port, hospital.tls(**changes))


@pytest.mark.parametrize(
    ("certificate", "changes"),
    [
        ("pacs", {"server_name": "pacs.internal"}),
        ("pacs", {"profile": TlsProfile.MODIFIED}),
        ("pacs", {"profile": TlsProfile.NON_DOWNGRADING}),
    ],
)
async def test_settings_that_let_a_pacs_be_reached(
    hospital: Hospital, certificate: str, changes: dict[str, object]
) -> None:
    with FaultyScp(tls=server_of(getattr(hospital, certificate), hospital.ca)) as pacs:
        report = await echo(pacs.port, hospital.tls(**changes))
    assert report.latency_ms > 0


async def test_a_certificate_from_a_secret_and_the_ends_of_both_are_reported(hospital: Hospital) -> None:
    pair = hospital.authority.sign(HERE)
    secrets = Given((pair.certificate + pair.key).decode())
    seen: dict[CertificateUse, datetime] = {}
    tls = DimseTls(str(hospital.ca), certificate_ref="vault:radgate/test/main#identity")
    with FaultyScp(tls=server_of(hospital.pacs, hospital.ca)) as pacs:
        await echo(pacs.port, tls, secrets, seen)
        with pytest.raises(PacsTlsFailedError, match="can't be used"):
            await echo(pacs.port, tls, Given("no PEM"))
    assert {certificate.use for certificate in seen} == {Use.PACS_SERVER, Use.PACS_CLIENT}
    for expires in seen.values():
        assert timedelta(minutes=50) < expires - datetime.now(UTC) < timedelta(minutes=61)


async def test_a_certificate_that_cannot_be_used_leaves_no_socket_open(hospital: Hospital) -> None:
    tls = DimseTls(str(hospital.ca), certificate_ref="vault:radgate/test/main#identity")
    gc.collect()
    with warnings.catch_warnings(record=True) as left_open:
        warnings.simplefilter("always", ResourceWarning)
        with pytest.raises(PacsTlsFailedError, match="can't be used"):
            await echo(free_port(), tls, Given("no PEM"))
        gc.collect()
    assert [str(one.message) for one in left_open] == []


@contextmanager
def storescp(folder: Path, *options: str) -> Iterator[int]:
    """DCMTK's storescp, which answers C-ECHO too; its port."""
    port = free_port()
    folder.mkdir()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(["storescp", *options, "-od", str(folder), str(port)], stdout=log, stderr=log)
    try:
        yield port
    finally:
        process.terminate()
        process.wait(60)


async def listens(port: int) -> None:
    def is_there() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    await until(is_there)


@pytest.mark.parametrize("profile", ["+pg", "+pm", "+py", "+pz"])
async def test_an_echo_to_each_profile_of_dcmtk(hospital: Hospital, profile: str) -> None:
    with storescp(hospital.folder / "got", profile, *options_of(hospital.pacs, hospital.ca)) as port:
        await listens(port)
        report = await echo(port, hospital.tls())
    assert report.latency_ms > 0


async def test_dcmtk_refuses_a_certificate_that_it_does_not_trust(hospital: Hospital) -> None:
    certificate, key = map(str, hospital.stranger)
    with storescp(hospital.folder / "got", *options_of(hospital.pacs, hospital.ca)) as port:
        await listens(port)
        with pytest.raises(PacsError):
            await echo(port, hospital.tls(certificate_file=certificate, private_key_file=key))


# Orthanc, which is asked over TLS and sends over TLS.


@contextmanager
def orthanc_over_tls(hospital: Hospital, scp_port: int) -> Iterator[OrthancServer]:
    certificate, key = map(str, hospital.pacs)
    modality = {"AET": "RADGATE", "Host": "127.0.0.1", "Port": scp_port, "AllowMove": True, "UseDicomTls": True}
    options = {
        "DicomTlsEnabled": True,
        "DicomTlsCertificate": certificate,
        "DicomTlsPrivateKey": key,
        "DicomTlsTrustedCertificates": str(hospital.ca),
        "DicomTlsRemoteCertificateRequired": True,
        "DicomModalities": {"radgate": modality},
    }
    with OrthancServer(hospital.folder / "orthanc", options=options) as orthanc:
        orthanc.upload([FILE])
        yield orthanc


@pytest.mark.parametrize("method", list(RetrieveMethod))
async def test_orthanc_gives_a_study_over_tls_alone(hospital: Hospital, method: RetrieveMethod) -> None:
    scp = StorageScp("RADGATE", host="127.0.0.1", port=0, settings=hospital.settings)
    await scp.start()
    with orthanc_over_tls(hospital, scp.port) as orthanc:
        secured = DimseConnection("127.0.0.1", orthanc.dicom_port, "ORTHANC", "RADGATE", method, tls=hospital.tls())
        client = connect(secured, scp)
        wanted = listed()
        arrivals = await fetch(client, RetrieveScope(wanted[0].ref.study_instance_uid), wanted)
        await client.close()
        assert [type(arrival) for arrival in arrivals] == [ReceivedInstance]
        plain = connect(DimseConnection("127.0.0.1", orthanc.dicom_port, "ORTHANC", "RADGATE"), scp)
        with pytest.raises(PacsError):
            await plain.echo.echo()
        await plain.close()
    await scp.close()


async def test_a_move_that_brings_nothing_says_whom_the_scp_turned_away(hospital: Hospital) -> None:
    scp = StorageScp("RADGATE", host="127.0.0.1", port=0, settings=hospital.settings)
    await scp.start()
    with orthanc_over_tls(hospital, scp.port) as orthanc:
        connection = DimseConnection(
            "127.0.0.1",
            orthanc.dicom_port,
            "ORTHANC",
            "RADGATE",
            RetrieveMethod.MOVE,
            tls=hospital.tls(),
            sender_aets=("OTHER",),
        )
        client, wanted = connect(connection, scp), listed()
        with pytest.raises(PacsFailedError, match="name it in sender_aets"):
            await fetch(client, RetrieveScope(wanted[0].ref.study_instance_uid), wanted)
        await client.close()
    await scp.close()
