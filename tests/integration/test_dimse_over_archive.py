"""The demo's path: the DIMSE adapter against our own archive, which stands before a folder of files."""

import logging
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from radgate_server.adapters.pacs.dimse import StorageScp, build_dimse_pacs
from radgate_server.adapters.pacs.folder import build_folder_pacs
from radgate_server.core.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN
from radgate_server.core.pacs.connections import DimseConnection, FolderConnection, RetrieveMethod
from radgate_server.core.pacs.ports import PacsClient
from radgate_server.demo.archive import DimseArchive
from radgate_server.settings.pacs import DimseSettings
from tests.conformance.pacs_suite import PacsSuite, config_of
from tests.fakes.telemetry import RecordingTelemetry
from tests.integration.ports import free_port

SETTINGS = DimseSettings(idle_timeout_s=30, connect_timeout_s=30)


class ArchiveSuite(PacsSuite):
    method: RetrieveMethod

    @pytest.fixture
    async def pacs(self, studies: list[Path], tmp_path: Path) -> AsyncIterator[PacsClient]:
        folder = tmp_path / "archive"
        folder.mkdir()
        for number, path in enumerate(studies):
            shutil.copy(path, folder / f"{number}.dcm")
        telemetry = RecordingTelemetry()
        files = build_folder_pacs(config_of(FolderConnection(str(folder))), telemetry=telemetry)
        scp_port = free_port()
        archive = DimseArchive(files, ae_title="ARCHIVE", move_destinations={"RADGATE": ("127.0.0.1", scp_port)})
        scp = StorageScp("RADGATE", host="127.0.0.1", port=scp_port, settings=SETTINGS)
        await archive.start()
        await scp.start()
        connection = DimseConnection("127.0.0.1", archive.port, "ARCHIVE", "RADGATE", self.method)
        client = build_dimse_pacs(config_of(connection), settings=SETTINGS, storage_scp=scp, telemetry=telemetry)
        yield client
        await client.close()
        await scp.close()
        await archive.close()
        await files.close()


class TestArchiveByGet(ArchiveSuite):
    method = RetrieveMethod.GET

    async def test_an_archive_that_takes_nothing_is_described_without_an_error(
        self, pacs: PacsClient, caplog: pytest.LogCaptureFixture
    ) -> None:
        assert pacs.describer is not None
        with caplog.at_level(logging.ERROR, "pynetdicom"):
            reported = await pacs.describer.describe()
        assert not reported.can_store
        assert EXPLICIT_VR_LITTLE_ENDIAN in reported.transfer_syntax_uids  # in which it sends
        assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


class TestArchiveByMove(ArchiveSuite):
    method = RetrieveMethod.MOVE
