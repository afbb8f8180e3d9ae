"""The DIMSE adapter against a real Orthanc: the conformance suite over C-GET and over C-MOVE."""

import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from radgate_server.adapters.pacs.dimse import StorageScp, build_dimse_pacs
from radgate_server.config import DimseSettings
from radgate_server.core.pacs import DimseConnection, RetrieveMethod
from radgate_server.core.ports.pacs import PacsClient
from tests.conformance.pacs_suite import PacsSuite, config_of, greek_instance, sample_instances
from tests.fakes.telemetry import RecordingTelemetry
from tests.integration.orthanc import OrthancServer
from tests.integration.ports import free_port

SETTINGS = DimseSettings(idle_timeout_s=30, connect_timeout_s=30)
SCP_PORT = free_port()


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancServer]:
    folder = tmp_path_factory.mktemp("orthanc")
    with OrthancServer(folder, modalities={"radgate": ("RADGATE", SCP_PORT)}) as server:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            server.upload([*sample_instances(), greek_instance(folder)])
        yield server


class OrthancSuite(PacsSuite):
    method: RetrieveMethod

    @pytest.fixture
    async def pacs(self, orthanc: OrthancServer, studies: list[Path]) -> AsyncIterator[PacsClient]:
        scp = StorageScp("RADGATE", host="127.0.0.1", port=SCP_PORT, settings=SETTINGS)
        await scp.start()
        connection = DimseConnection("127.0.0.1", orthanc.dicom_port, "ORTHANC", "RADGATE", self.method)
        client = build_dimse_pacs(
            config_of(connection), settings=SETTINGS, storage_scp=scp, telemetry=RecordingTelemetry()
        )
        yield client
        await client.close()
        await scp.close()


class TestOrthancByGet(OrthancSuite):
    method = RetrieveMethod.GET


class TestOrthancByMove(OrthancSuite):
    method = RetrieveMethod.MOVE
