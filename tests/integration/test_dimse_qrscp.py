"""The DIMSE adapter against pynetdicom's qrscp, filled by C-STORE: the conformance suite over C-GET."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from radgate_server.adapters.pacs.dimse import StorageScp, build_dimse_pacs
from radgate_server.core.pacs.connections import DimseConnection
from radgate_server.core.pacs.ports import PacsClient
from radgate_server.settings.pacs import DimseSettings
from tests.conformance.pacs_suite import PacsSuite, config_of, store_samples
from tests.fakes.telemetry import RecordingTelemetry
from tests.integration.qrscp import QrscpServer

SETTINGS = DimseSettings(idle_timeout_s=30, connect_timeout_s=30)


def client_of(archive: QrscpServer) -> PacsClient:
    connection = DimseConnection("127.0.0.1", archive.port, archive.ae_title, "RADGATE")
    scp = StorageScp("RADGATE", host="127.0.0.1", port=0, settings=SETTINGS)
    return build_dimse_pacs(config_of(connection), settings=SETTINGS, storage_scp=scp, telemetry=RecordingTelemetry())


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QrscpServer]:
    folder = tmp_path_factory.mktemp("qrscp")
    with QrscpServer(folder) as server:
        asyncio.run(store_samples(client_of(server), folder))
        yield server


class TestQrscp(PacsSuite):
    """The suite, but for what qrscp can't do; it answers with a study once for each of its instances."""

    test_text_is_decoded = None  # type: ignore[assignment]  # its index loses what is not ASCII
    test_studies_by_a_list_of_uids = None  # type: ignore[assignment]  # it fails on lists

    @pytest.fixture
    async def pacs(self, archive: QrscpServer) -> AsyncIterator[PacsClient]:
        client = client_of(archive)
        yield client
        await client.close()
