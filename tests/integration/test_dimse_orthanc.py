"""The DIMSE adapter against a real Orthanc: the conformance suite over C-GET and over C-MOVE."""

import asyncio
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from radgate_server.adapters.pacs.dimse import StorageScp, build_dimse_pacs
from radgate_server.core.dicom.identifiers import QueryLevel
from radgate_server.core.pacs.connections import DimseConnection, RetrieveMethod
from radgate_server.core.pacs.ports import PacsClient
from radgate_server.core.query.model import MatchingKey, Query
from radgate_server.settings.pacs import DimseSettings
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


async def test_an_association_that_orthanc_closes_for_its_silence_is_let_go_and_missed_by_nobody(
    tmp_path: Path,
) -> None:
    """Orthanc does so after 30 s as it comes, here after 1: both are less than `pool_idle_s`."""
    telemetry = RecordingTelemetry()
    settings = SETTINGS.model_copy(update={"pool_idle_s": 600})
    scp = StorageScp("RADGATE", host="127.0.0.1", port=0, settings=settings)
    one_study = Query(QueryLevel.STUDY, (MatchingKey(("0020000D",), "1.2.3"),))
    with OrthancServer(tmp_path, options={"DicomScpTimeout": 1}) as orthanc:
        connection = DimseConnection("127.0.0.1", orthanc.dicom_port, "ORTHANC", "RADGATE")
        pacs = build_dimse_pacs(config_of(connection), settings=settings, storage_scp=scp, telemetry=telemetry)
        for _ in range(3):
            assert not (await pacs.query.find(one_study, max_results=5)).matches
            async with asyncio.timeout(60):
                while list(telemetry.associations.values()) != [(0, 0)]:
                    await asyncio.sleep(0.01)
        for _ in range(5):
            assert not (await pacs.query.find(one_study, max_results=5)).matches
            await asyncio.sleep(1)  # the next one comes in the moment in which Orthanc closes
        await pacs.close()
