"""The DICOMweb adapter against Radgate itself, which serves a folder: one gateway as the PACS of another."""

from collections.abc import AsyncIterator, Iterator

import pytest

from radgate_server.adapters.pacs.dicomweb import build_dicomweb_pacs
from radgate_server.core.pacs.connections import DicomWebConnection, FolderConnection, HttpAuth, HttpAuthMethod
from radgate_server.core.pacs.ports import PacsClient
from radgate_server.core.secrets.secret import Secret
from radgate_server.settings.pacs import WebPacsSettings
from tests.conformance.pacs_suite import PacsSuite, config_of, write_studies
from tests.e2e.radgate_process import RadgateProcess
from tests.fakes.telemetry import RecordingTelemetry

TENANT = "inner"


@pytest.fixture(scope="module")
def inner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RadgateProcess]:
    folder = tmp_path_factory.mktemp("studies")
    write_studies(folder)
    server = RadgateProcess(tmp_path_factory.mktemp("radgate"))
    with server.tenant(TENANT, FolderConnection(str(folder))):
        yield server


class TestRadgate(PacsSuite):
    """The suite."""

    @pytest.fixture
    async def pacs(self, inner: RadgateProcess) -> AsyncIterator[PacsClient]:
        connection = DicomWebConnection(
            f"{inner.url}/dicom-web",
            auth=HttpAuth(HttpAuthMethod.BEARER),
            password=Secret(inner.keys[TENANT]),
        )
        client = build_dicomweb_pacs(config_of(connection), settings=WebPacsSettings(), telemetry=RecordingTelemetry())
        yield client
        await client.close()
