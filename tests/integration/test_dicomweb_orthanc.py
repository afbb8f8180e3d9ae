"""The DICOMweb adapter against Orthanc's DICOMweb plug-in."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from radgate_server.adapters.pacs.dicomweb import build_dicomweb_pacs
from radgate_server.config import WebPacsSettings
from radgate_server.core.identifiers import QueryLevel, RetrieveScope
from radgate_server.core.instances import FailedInstance, FileContent, ReceivedInstance
from radgate_server.core.pacs import DicomWebConnection, HttpAuth, HttpAuthMethod
from radgate_server.core.ports.pacs import PacsClient
from radgate_server.core.query import DicomJson
from tests.conformance.pacs_suite import PacsSuite, check_same_object, config_of, fetch, find, listed_instance
from tests.fakes.telemetry import RecordingTelemetry
from tests.integration.orthanc import OrthancServer


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    with OrthancServer(tmp_path_factory.mktemp("orthanc")) as server:
        yield server


def client_of(connection: DicomWebConnection, telemetry: RecordingTelemetry | None = None) -> PacsClient:
    return build_dicomweb_pacs(
        config_of(connection), settings=WebPacsSettings(), telemetry=telemetry or RecordingTelemetry()
    )


class TestOrthancDicomWeb(PacsSuite):
    """The suite."""

    @pytest.fixture
    async def pacs(self, studies: list[Path], orthanc: OrthancServer) -> AsyncIterator[PacsClient]:
        orthanc.upload(studies)
        client = client_of(DicomWebConnection(orthanc.dicomweb_url, f"{orthanc.url}/wado"))
        yield client
        await client.close()
