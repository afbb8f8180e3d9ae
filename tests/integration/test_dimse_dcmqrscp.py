"""The DIMSE adapter against DCMTK's dcmqrscp: the conformance suite over C-GET and over C-MOVE."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

from radgate_server.adapters.pacs.dimse import StorageScp, build_dimse_pacs
from radgate_server.config import DimseSettings
from radgate_server.core.pacs import DimseConnection, RetrieveMethod
from radgate_server.core.ports.pacs import PacsClient
from tests.conformance.pacs_suite import PacsSuite, config_of, sample_instances
from tests.fakes.telemetry import RecordingTelemetry
from tests.integration.dcmqrscp import DcmqrscpServer
from tests.integration.ports import free_port

SETTINGS = DimseSettings(idle_timeout_s=20, connect_timeout_s=5)
SCP_PORT = free_port()


def native_instances() -> list[Path]:
    """The samples with others in place of compressed ones: dcmqrscp sends in one transfer syntax for each SOP Class."""
    paths = sample_instances()
    for number, name in ((1, "MR_small.dcm"), (2, "examples_overlay.dcm")):
        paths[number] = Path(str(get_testdata_file(name, download=False)))
    return paths


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DcmqrscpServer]:
    with DcmqrscpServer(tmp_path_factory.mktemp("dcmqrscp"), SCP_PORT) as server:
        server.store(native_instances())
        yield server


class DcmqrscpSuite(PacsSuite):
    method: RetrieveMethod

    # dcmqrscp's index keeps text without saying in which character set.
    test_text_is_decoded = None  # type: ignore[assignment]

    @pytest.fixture
    def studies(self) -> list[Path]:
        return native_instances()

    @pytest.fixture
    async def pacs(self, archive: DcmqrscpServer) -> AsyncIterator[PacsClient]:
        scp = StorageScp("RADGATE", host="127.0.0.1", port=SCP_PORT, settings=SETTINGS)
        await scp.start()
        connection = DimseConnection("127.0.0.1", archive.port, "DCMTK", "RADGATE", self.method)
        telemetry = RecordingTelemetry()
        client = build_dimse_pacs(config_of(connection), settings=SETTINGS, storage_scp=scp, telemetry=telemetry)
        yield client
        await client.close()
        await scp.close()


class TestDcmqrscpByGet(DcmqrscpSuite):
    method = RetrieveMethod.GET


class TestDcmqrscpByMove(DcmqrscpSuite):
    method = RetrieveMethod.MOVE
