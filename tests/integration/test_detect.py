"""Detection against real servers, and against what is none."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from radgate_server.core.dicom.identifiers import QueryLevel
from radgate_server.core.errors import AddressNotAllowedError
from radgate_server.core.pacs.connections import (
    DicomWebConnection,
    DimseConnection,
    HttpAuth,
    HttpAuthMethod,
    OrthancConnection,
    RetrieveMethod,
)
from radgate_server.core.pacs.detection import DetectionReport, DetectTarget
from radgate_server.core.secrets.secret import NO_SECRET, Secret
from tests.conformance.pacs_suite import sample_instances
from tests.integration.dcmqrscp import DcmqrscpServer
from tests.integration.faulty_scp import FaultyScp
from tests.integration.orthanc import OrthancServer
from tests.integration.pacs_looking import GATEWAY_AET, make_detector, speaker
from tests.integration.ports import free_port
from tests.integration.qrscp import QrscpServer
from tests.integration.waiting import until

HOST = "127.0.0.1"
LIMIT_MS = 30_000
"""Of a detection that takes 15 seconds at most on a quiet machine."""
SECRET = "s3cret-and-long"


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    with OrthancServer(tmp_path_factory.mktemp("orthanc")) as server:
        server.upload(sample_instances())
        yield server


@pytest.fixture
async def nothing_left() -> AsyncIterator[None]:
    """No task, thread or descriptor is left of a detection."""
    tasks, threads = len(asyncio.all_tasks()), set(threading.enumerate())
    descriptors = _open_descriptors()
    yield
    await until(lambda: len(asyncio.all_tasks()) == tasks)
    left = (thread.name for thread in set(threading.enumerate()) - threads)
    assert not [name for name in left if name.startswith("dimse-")]
    await until(lambda: _open_descriptors() <= descriptors)


def _open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def detect(port: int | None, *aets: str, **values: str) -> DetectionReport:
    """Detect on the loopback address; whatever is found can be saved, and reports no secret."""
    report = await make_detector().detect(DetectTarget(HOST, port, aets, **values), unrestricted=True)
    assert report.duration_ms < LIMIT_MS
    assert SECRET not in repr(report)
    for finding in report.findings:
        finding.connection.with_secret(values.get("secret", NO_SECRET)).checked()
    return report


@pytest.mark.usefixtures("nothing_left")
async def test_orthanc_on_its_web_port(orthanc: OrthancServer) -> None:
    report = await detect(orthanc.http_port)
    native, web = report.findings
    assert native.connection == OrthancConnection(orthanc.url)
    assert native.capabilities.vendor == "Orthanc"
    assert web.connection == DicomWebConnection(orthanc.dicomweb_url)
    assert {"QIDO-RS", "WADO-RS"} <= set(web.capabilities.services)
    assert "2 ways (orthanc, dicomweb)" in report.hints[0]


@pytest.mark.usefixtures("nothing_left")
async def test_orthanc_on_its_dicom_port(orthanc: OrthancServer) -> None:
    (finding,) = (await detect(orthanc.dicom_port)).findings
    assert finding.connection == DimseConnection(HOST, orthanc.dicom_port, "ANY-SCP", GATEWAY_AET)
    capabilities = finding.capabilities
    assert capabilities.vendor == "OFFIS DCMTK"
    assert capabilities.query_levels == tuple(QueryLevel)
    assert capabilities.retrieve_methods == (RetrieveMethod.GET, RetrieveMethod.MOVE)
    assert capabilities.charset == "ISO_IR 192"
    assert "1.2.840.10008.1.2.4.90" in capabilities.transfer_syntax_uids
    assert 0 < finding.latency_ms < LIMIT_MS


@pytest.mark.usefixtures("nothing_left")
async def test_orthanc_that_wants_a_password(tmp_path: Path) -> None:
    options = {"AuthenticationEnabled": True, "RegisteredUsers": {"radgate": SECRET}}
    with OrthancServer(tmp_path, options=options) as server:
        closed = await detect(server.http_port)
        opened = await detect(server.http_port, username="radgate", secret=Secret(SECRET))
    assert not closed.findings
    assert {attempt.reason for attempt in closed.attempts if "http:" in attempt.target} == {"PACS_CREDENTIALS_REFUSED"}
    assert any("credentials" in hint for hint in closed.hints)
    auth = HttpAuth(HttpAuthMethod.BASIC, username="radgate")
    assert opened.findings[0].connection == OrthancConnection(server.url, auth=auth)


@pytest.mark.usefixtures("nothing_left")
async def test_dcmqrscp_knows_one_ae_title(tmp_path: Path) -> None:
    with DcmqrscpServer(tmp_path, free_port(), ae_title="ARCHIVE") as server:
        guessed = await detect(server.port)
        given = await detect(server.port, "ARCHIVE")
        unknown = await detect(server.port, "NOBODY")
    for report in (guessed, given):
        (finding,) = report.findings
        assert finding.connection == DimseConnection(HOST, server.port, "ARCHIVE", GATEWAY_AET)
        assert finding.capabilities.vendor == "OFFIS DCMTK"
    assert not unknown.findings
    (attempt,) = (attempt for attempt in unknown.attempts if attempt.kind == "dimse")
    assert (attempt.target, attempt.reason) == ("NOBODY", "PACS_REJECTED")
    assert "does not know this AE title" in unknown.hints[0]


@pytest.mark.usefixtures("nothing_left")
async def test_qrscp(tmp_path: Path) -> None:
    with QrscpServer(tmp_path) as server:
        server.store(sample_instances()[:2])
        (finding,) = (await detect(server.port, "QRSCP")).findings
    assert finding.connection == DimseConnection(HOST, server.port, "QRSCP", GATEWAY_AET)
    assert finding.capabilities.vendor == "pynetdicom"
    assert finding.capabilities.version.startswith("PYNETDICOM")
    assert finding.capabilities.retrieve_methods == (RetrieveMethod.GET, RetrieveMethod.MOVE)
    assert finding.capabilities.query_levels == tuple(QueryLevel)


async def test_a_pacs_that_does_not_know_us_is_asked_once() -> None:
    with FaultyScp(required_calling_aet=["SOMEBODY"]) as scp:
        report = await detect(scp.port)
    dimse = [attempt for attempt in report.attempts if attempt.kind == "dimse"]
    assert [attempt.reason for attempt in dimse] == ["PACS_REJECTED"]
    assert "calling AE title not recognised" in dimse[0].message


async def test_a_pacs_without_c_get_is_suggested_with_c_move() -> None:
    models = ("1.2.840.10008.1.1", "1.2.840.10008.5.1.4.1.2.2.1", "1.2.840.10008.5.1.4.1.2.2.2")
    with FaultyScp(models=models, on_find=lambda _: iter(())) as scp:
        (finding,) = (await detect(scp.port)).findings
    assert isinstance(finding.connection, DimseConnection)
    assert finding.connection.retrieve_method is RetrieveMethod.MOVE
    assert finding.capabilities.vendor == "pynetdicom"
    assert finding.capabilities.can_store
    assert any("C-MOVE" in note for note in finding.notes)


@pytest.mark.usefixtures("nothing_left")
async def test_a_closed_port() -> None:
    report = await detect(free_port())
    assert [(attempt.kind, attempt.reason) for attempt in report.attempts] == [("tcp", "PACS_UNREACHABLE")]
    assert "nothing there speaks DICOM" in report.hints[0]


@pytest.mark.parametrize("greeting", [b"", b"SSH-2.0-OpenSSH_9.6\r\n", bytes(range(256)) * 64], ids=len)
@pytest.mark.usefixtures("nothing_left")
async def test_what_is_no_pacs(greeting: bytes) -> None:
    with speaker(greeting) as port:
        report = await detect(port)
    assert not report.findings
    assert {attempt.kind for attempt in report.attempts} == {"dimse", "orthanc"}
    assert len(report.attempts) == 3
    assert all(attempt.reason for attempt in report.attempts)


@pytest.mark.usefixtures("nothing_left")
async def test_a_tenant_may_not_look_around(orthanc: OrthancServer) -> None:
    target = DetectTarget(HOST, orthanc.http_port)
    with pytest.raises(AddressNotAllowedError, match=r"pacs\.allowed_networks"):
        await make_detector("10.0.0.0/8").detect(target)
    assert (await make_detector("127.0.0.0/8").detect(target)).findings
