"""The program of the version before: of the last release, or without one from before the schema last changed."""

import os
import subprocess
import tarfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

from tests.e2e.radgate_process import ROOT

_PROGRAM = ("server", "clients/python/src", "gateway")
_MIGRATIONS = "server/radgate_server/adapters/database/migrations/versions"


def version_before() -> str:
    """The commit of the last release's tag, or the one before the last that changed the schema."""
    tags = _git("tag", "--merged", "HEAD^", "--sort=-creatordate").split()
    return tags[0] if tags else _git("log", "-1", "--format=%H", "--", _MIGRATIONS).strip() + "^"


def extract(commit: str, folder: Path) -> Mapping[str, str]:
    """Write its program into the folder; the variables by which Python takes that in place of this version's."""
    archive = subprocess.run(["git", "archive", commit, *_PROGRAM], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
    with tarfile.open(fileobj=BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    return {"PYTHONPATH": os.pathsep.join(str(folder / part) for part in _PROGRAM[:2])}


def describe(commit: str) -> str:
    """Which commit it is, for people."""
    return _git("log", "-1", "--format=%h (%s)", commit).strip()


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
