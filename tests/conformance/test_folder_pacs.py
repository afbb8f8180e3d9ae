"""The folder adapter against the PACS port's conformance suite."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from radgate_server.adapters.pacs.folder import build_folder_pacs
from radgate_server.core.pacs.connections import FolderConnection
from radgate_server.core.pacs.ports import PacsClient
from tests.conformance.pacs_suite import PacsSuite, config_of
from tests.fakes.telemetry import RecordingTelemetry


class TestFolderPacs(PacsSuite):
    @pytest.fixture
    async def pacs(self, studies: list[Path], tmp_path: Path) -> AsyncIterator[PacsClient]:
        folder = tmp_path / "archive"
        for number, path in enumerate(studies):
            target = folder / str(number % 3) / f"{number}.dcm"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
        (folder / "README.txt").write_text("not DICOM")
        client = build_folder_pacs(config_of(FolderConnection(str(folder))), telemetry=RecordingTelemetry())
        yield client
        await client.close()
