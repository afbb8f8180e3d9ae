"""Files of an installation that the server's user can't read."""

import os
from pathlib import Path

import pytest

from radgate_server.installation.gate import unreadable_files


def test_a_file_that_can_not_be_read_is_named_and_one_that_is_not_there_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "keys").mkdir()
    for name in ("secret.key", "silences.json", "keys/kek-000001.key"):
        (tmp_path / name).touch()
    assert unreadable_files(tmp_path) == ""
    closed = {tmp_path / "silences.json", tmp_path / "keys/kek-000001.key"}  # as root would have made them
    monkeypatch.setattr(os, "access", lambda path, _mode: path not in closed)
    assert unreadable_files(tmp_path) == (
        "can't read silences.json, keys/kek-000001.key in data_dir; see whose they are (chown)"
    )
