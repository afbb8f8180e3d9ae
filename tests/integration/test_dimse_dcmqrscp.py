"""The DIMSE adapter against DCMTK's dcmqrscp: the conformance suite over C-GET and over C-MOVE."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

from radgate_server.adapters.pacs.dimse import StorageScp, build_dimse_pacs
from radgate_server.core.dicom.dataset.file_meta import identify
from radgate_server.core.dicom.identifiers import RetrieveScope
from radgate_server.core.dicom.instances import ListedInstance
from radgate_server.core.pacs.connections import DimseConnection, RetrieveMethod
from radgate_server.core.pacs.ports import PacsClient
from radgate_server.core.telemetry.tracing import Part
from radgate_server.settings.pacs import DimseSettings
from tests.conformance.pacs_suite import PacsSuite, config_of, sample_instances
from tests.fakes.telemetry import RecordingTelemetry
from tests.integration.dcmqrscp import DcmqrscpServer
from tests.integration.ports import free_port
from tests.unit.core.telemetry.test_tracing import Recorded

SETTINGS = DimseSettings(idle_timeout_s=30, connect_timeout_s=30)
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

    async def test_each_message_is_a_span(self, pacs: PacsClient, studies: list[Path]) -> None:
        identity = identify(studies[0].read_bytes())
        ref = identity.ref
        scope = RetrieveScope(ref.study_instance_uid, ref.series_instance_uid, ref.sop_instance_uid)
        with Part(root := Recorded()):
            await pacs.echo.echo()
            async with pacs.reader.retrieve(scope, [ListedInstance(identity.ref, identity.sop_class_uid)]) as arrivals:
                assert [arrival.ref async for arrival in arrivals] == [identity.ref]
        echo, retrieve = root.parts
        assert [part.name for part in echo.parts] == ["A-ASSOCIATE", "C-ECHO"]
        reported = {part.name: part.facts for part in walk(retrieve)}
        moved = self.method is RetrieveMethod.MOVE
        assert reported["C-MOVE" if moved else "C-GET"] == {
            "pacs": "main", "level": "IMAGE", "status": 0, "completed": 1, "failed": 0, "warning": 0
        }  # fmt: skip
        assert reported["C-STORE"] == {"pacs": "main", "status": 0}
        assert ref.sop_instance_uid not in str(reported)


def walk(recorded: Recorded) -> Iterator[Recorded]:
    """All that lies below a span."""
    for part in recorded.parts:
        yield part
        yield from walk(part)


class TestDcmqrscpByGet(DcmqrscpSuite):
    method = RetrieveMethod.GET


class TestDcmqrscpByMove(DcmqrscpSuite):
    method = RetrieveMethod.MOVE
