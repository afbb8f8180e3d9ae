"""The DICOMweb adapter against Radgate itself, with Envoy, before a folder: the conformance suite, and storing."""

from collections.abc import AsyncIterator, Iterator

import pytest

from radgate_server.adapters.pacs.dicomweb import build_dicomweb_pacs
from radgate_server.core.access.tenancy import Role
from radgate_server.core.errors import PacsCannotError
from radgate_server.core.pacs.connections import DicomWebConnection, FolderConnection, HttpAuth, HttpAuthMethod
from radgate_server.core.pacs.ports import PacsClient
from radgate_server.core.secrets.secret import Secret
from radgate_server.settings.pacs import WebPacsSettings
from tests.conformance.pacs_suite import PacsSuite, config_of, write_studies
from tests.e2e.radgate_process import RadgateProcess
from tests.e2e.studies import EAST
from tests.fakes.instances import make_dataset, received
from tests.fakes.telemetry import RecordingTelemetry


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RadgateProcess]:
    folder = tmp_path_factory.mktemp("folder")
    write_studies(folder)
    server = RadgateProcess(tmp_path_factory.mktemp("radgate"))
    with server.tenant(EAST, FolderConnection(str(folder)), Role.OPERATOR):
        yield server


@pytest.fixture
async def near(far: RadgateProcess) -> AsyncIterator[PacsClient]:
    """The far Radgate as a PACS."""
    auth = HttpAuth(HttpAuthMethod.BEARER)
    connection = DicomWebConnection(
        f"{far.url}/dicom-web", wado_uri_url=f"{far.url}/wado", auth=auth, password=Secret(far.keys[EAST])
    )
    client = build_dicomweb_pacs(config_of(connection), settings=WebPacsSettings(), telemetry=RecordingTelemetry())
    yield client
    await client.close()


class TestRadgate(PacsSuite):
    @pytest.fixture
    async def pacs(self, near: PacsClient) -> PacsClient:
        return near


async def test_a_folder_takes_nothing(near: PacsClient) -> None:
    assert near.store is not None
    with pytest.raises(PacsCannotError):
        await near.store.store(received(make_dataset("2.25.1", "2.25.1.1", "2.25.1.1.1")))
