"""What the pages of docs/extending name is there: files and folders, also those around a placeholder."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs" / "extending").glob("*.md"))
_BASES = (ROOT, ROOT / "server" / "radgate_server", ROOT / "tests")
_PATH = re.compile(r"`([\w./<>-]+/[\w./<>-]*|[\w-]+\.(?:py|proto|md|toml|txt))`")


def named(text: str) -> Iterator[str]:
    """The paths and names of files in a page; of one with a placeholder the folder before it."""
    for path in _PATH.findall(text):
        yield path.partition("<")[0].rpartition("/")[0] if "<" in path else path


def exists(path: str) -> bool:
    """Whether it is in the repository: a path from its root, the server's or the tests', or a name of some file."""
    if "/" in path or not path:
        return any((base / path).exists() for base in _BASES)
    folders = (ROOT, *(ROOT / name for name in ("server", "proto", "tests", "scripts", "docs", "clients")))
    return any((folder / path).exists() or (folder != ROOT and any(folder.rglob(path))) for folder in folders)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_is_there(page: Path) -> None:
    paths = list(named(page.read_text(encoding="utf-8")))
    assert paths
    assert [path for path in paths if not exists(path)] == []


@pytest.mark.parametrize("path", ["`app/doors.py`", "`services/nothing/<name>.py`", "`nowhere.py`"])
def test_a_path_that_is_gone_is_found(path: str) -> None:
    (name,) = named(path)
    assert not exists(name)
