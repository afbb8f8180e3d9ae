"""STOW-RS by `dicomweb-client` and by the SDK, through Envoy and Radgate into Orthanc, by every way there is."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from urllib.request import urlopen

import httpx
import pytest
from dicomweb_client import DICOMwebClient
from dicomweb_client.session_utils import create_session
from pydicom import dcmread

import radgate as sdk
from radgate_server.core.access.tenancy import Role
from radgate_server.core.pacs.connections import DicomWebConnection, OrthancConnection
from tests.e2e.radgate_process import RadgateProcess, dimse
from tests.e2e.waiting import wait_for
from tests.fakes.instances import make_instance, make_study
from tests.integration.orthanc import OrthancServer
from tests.open_files import open_below

STUDY = "2.25.5150"
MAX_INSTANCE_BYTES = 2 << 20
HEADERS = {"content-type": "application/dicom", "accept": "application/dicom+json"}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    with OrthancServer(tmp_path_factory.mktemp("store-orthanc")) as orthanc:
        yield orthanc


@pytest.fixture(scope="module")
def gate(archive: OrthancServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RadgateProcess]:
    settings = {
        "RADGATE_STORE__MAX_INSTANCE_BYTES": str(MAX_INSTANCE_BYTES),
        "RADGATE_STORE__MEMORY_BYTES": str(1 << 20),  # so that all but the smallest go to disk
    }
    process = RadgateProcess(tmp_path_factory.mktemp("store"), settings)
    for tenant, connection in (
        ("east", dimse(archive)),
        ("web", DicomWebConnection(archive.dicomweb_url)),
        ("rest", OrthancConnection(archive.url)),
    ):
        process.tenant(tenant, connection, Role.OPERATOR)
    with process:
        yield process


@contextmanager
def client_of(gate: RadgateProcess, tenant: str) -> Iterator[DICOMwebClient]:
    session = create_session()
    session.trust_env = False
    with session:
        headers = {"Authorization": f"Bearer {gate.keys[tenant]}"}
        yield DICOMwebClient(f"{gate.url}/dicom-web", session=session, headers=headers)


@pytest.fixture
def web(gate: RadgateProcess) -> Iterator[DICOMwebClient]:
    with client_of(gate, "east") as client:
        yield client


def held(archive: OrthancServer) -> dict[str, bytes]:
    """The pixels of what the archive holds, by SOP Instance UID."""
    pixels = {}
    for name in archive.request("GET", "/instances"):
        with urlopen(f"{archive.url}/instances/{name}/file") as response:
            dataset = dcmread(BytesIO(response.read()))
        pixels[dataset.SOPInstanceUID] = dataset.PixelData
    return pixels


def test_what_dicomweb_client_stores_is_found_at_once(web: DICOMwebClient, archive: OrthancServer) -> None:
    assert web.search_for_instances(STUDY) == []
    datasets = [dcmread(BytesIO(file)) for file in make_study(5, study=STUDY, rows=32, columns=32)]
    for _ in range(2):  # again, which is no failure
        answer = web.store_instances(datasets, study_instance_uid=STUDY)
        assert [item.ReferencedSOPInstanceUID for item in answer.ReferencedSOPSequence] == [
            dataset.SOPInstanceUID for dataset in datasets
        ]
        assert "FailedSOPSequence" not in answer
        assert answer.RetrieveURL.endswith(f"/dicom-web/studies/{STUDY}")
    assert len(web.search_for_instances(STUDY)) == 5
    pixels = held(archive)
    assert all(pixels[dataset.SOPInstanceUID] == dataset.PixelData for dataset in datasets)
    assert web.retrieve_instance(STUDY, f"{STUDY}.1", f"{STUDY}.1.1").PixelData == datasets[0].PixelData


@pytest.mark.parametrize(("tenant", "study"), [("web", "2.25.5180"), ("rest", "2.25.5190")])
def test_archives_of_the_web_take_them_too(
    gate: RadgateProcess, archive: OrthancServer, tenant: str, study: str
) -> None:
    datasets = [dcmread(BytesIO(file)) for file in make_study(3, study=study, rows=700, columns=700)]
    with client_of(gate, tenant) as client:
        assert client.search_for_instances(study) == []
        for _ in range(2):
            answer = client.store_instances(datasets, study_instance_uid=study)
            assert len(answer.ReferencedSOPSequence) == 3
            assert "FailedSOPSequence" not in answer
        assert len(client.search_for_instances(study)) == 3
    pixels = held(archive)
    assert all(pixels[dataset.SOPInstanceUID] == dataset.PixelData for dataset in datasets)


def test_the_sdk_stores_through_the_same_port(gate: RadgateProcess, archive: OrthancServer, tmp_path: Path) -> None:
    path = tmp_path / "image.dcm"
    path.write_bytes(make_instance("2.25.5160", "2.25.5161", "2.25.5162", rows=64, columns=64))
    with sdk.Client(gate.endpoints["http"], gate.keys["east"]) as client:
        report = client.store([path, b"no DICOM"])
    assert [result.stored for result in report.results] == [True, False]
    assert held(archive)["2.25.5162"] == dcmread(path).PixelData


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/dicom", b"no DICOM", 409),
        ("application/dicom", b"", 409),
        ("multipart/related; type=application/dicom; boundary=b", b"--b--\r\n", 400),
        ('multipart/related; type="application/dicom+json"; boundary=b', b"--b--\r\n", 415),
        ("application/json", b"{}", 415),
        ("application/dicom", bytes(MAX_INSTANCE_BYTES + 1), 413),
        ("application/dicom", bytes(40 * MAX_INSTANCE_BYTES), 413),
    ],
    ids=["no-dicom", "empty", "no-part", "metadata", "json", "large", "very-large"],
)
def test_uploads_that_fail(gate: RadgateProcess, content_type: str, body: bytes, status: int) -> None:
    headers = {"authorization": f"Bearer {gate.keys['east']}", "content-type": content_type}
    response = httpx.post(f"{gate.url}/dicom-web/studies", content=body, headers=headers, timeout=60, trust_env=False)
    assert response.status_code == status


def test_no_file_of_an_upload_is_left(gate: RadgateProcess) -> None:
    large = make_instance("2.25.5170", "2.25.5171", "2.25.5172", rows=900, columns=900)
    headers = {"authorization": f"Bearer {gate.keys['east']}", **HEADERS}
    stored = httpx.post(f"{gate.url}/dicom-web/studies", content=large, headers=headers, timeout=60, trust_env=False)
    assert stored.is_success
    spool = gate.data_dir / "spool"
    wait_for(lambda: not list(spool.iterdir()) and not open_below(spool, gate.pid), "the upload's file is gone")
