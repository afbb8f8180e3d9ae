"""The demo's path: the DIMSE adapter against our own archive, which stands before a folder of files."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from radgate_server.adapters.dimse_archive import DimseArchive
from radgate_server.adapters.pacs.dimse import StorageScp, build_dimse_pacs
from radgate_server.adapters.pacs.folder import build_folder_pacs
from radgate_server.config import DimseSettings
from radgate_server.core.pacs import DimseConnection, FolderConnection, RetrieveMethod
from radgate_server.core.ports.pacs import PacsClient
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


class TestArchiveByMove(ArchiveSuite):
    method = RetrieveMethod.MOVE
