"""An installation in a temporary folder."""

from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

from tests.unit.cli.command_line import Cli


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path / "data")


@pytest.fixture
def north(cli: Cli) -> Cli:
    """With the tenant north."""
    cli.ok("tenant", "create", "north")
    return cli


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("CT_small.dcm", "MR_small.dcm"):
        (folder / name).write_bytes(Path(get_testdata_file(name)).read_bytes())
    (folder / "notes.txt").write_text("no image")
    return folder
