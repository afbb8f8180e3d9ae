import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from radgate_server.adapters.secrets import FileSecretBox
from radgate_server.core.errors import ConfigurationError


@pytest.fixture
def box(tmp_path: Path) -> FileSecretBox:
    return FileSecretBox(tmp_path / "data")


def test_makes_a_folder_and_a_key_that_only_the_owner_can_read(tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        FileSecretBox(tmp_path / "data")
    finally:
        os.umask(previous)
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "data" / "secret.key").stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["secret.key"]


@pytest.mark.parametrize("secret", ["", "pass word", "naïve ☃", "x" * 5000])
def test_opens_what_it_sealed(box: FileSecretBox, secret: str) -> None:
    assert box.open(box.seal(secret, "a/main/password"), "a/main/password") == secret


def test_seals_the_same_differently_each_time(box: FileSecretBox) -> None:
    sealed = {box.seal("secret", "context") for _ in range(50)}
    assert len(sealed) == 50
    assert {one[:1] for one in sealed} == {b"\x01"}
    assert not any(b"secret" in one for one in sealed)


def test_does_not_open_in_another_context(box: FileSecretBox) -> None:
    with pytest.raises(ConfigurationError):
        box.open(box.seal("secret", "a/main/password"), "b/main/password")


@pytest.mark.parametrize("place", [0, 1, 12, 13, -1])
def test_does_not_open_what_was_altered(box: FileSecretBox, place: int) -> None:
    sealed = bytearray(box.seal("secret", "context"))
    sealed[place] ^= 1
    with pytest.raises(ConfigurationError):
        box.open(bytes(sealed), "context")


@pytest.mark.parametrize("length", [0, 1, 12, 13, 20])
def test_does_not_open_what_was_cut(box: FileSecretBox, length: int) -> None:
    with pytest.raises(ConfigurationError):
        box.open(box.seal("secret", "context")[:length], "context")


def test_a_later_start_uses_the_same_key(tmp_path: Path) -> None:
    first, second = FileSecretBox(tmp_path), FileSecretBox(tmp_path)
    assert second.open(first.seal("secret", "context"), "context") == "secret"
    assert second.fingerprint("token") == first.fingerprint("token")


def test_another_installation_has_another_key(tmp_path: Path) -> None:
    first, second = FileSecretBox(tmp_path / "a"), FileSecretBox(tmp_path / "b")
    assert first.fingerprint("token") != second.fingerprint("token")
    with pytest.raises(ConfigurationError):
        second.open(first.seal("secret", "context"), "context")


def test_fingerprints_are_32_bytes_and_tell_secrets_apart(box: FileSecretBox) -> None:
    assert len(box.fingerprint("token")) == 32
    assert box.fingerprint("token") == box.fingerprint("token") != box.fingerprint("tokens")


def test_starts_at_once_end_with_one_key(tmp_path: Path) -> None:
    for number in range(20):
        folder = tmp_path / str(number)
        with ThreadPoolExecutor(8) as pool:
            boxes = list(pool.map(FileSecretBox, [folder] * 8))
        assert len({box.fingerprint("token") for box in boxes}) == 1
        assert [path.name for path in folder.iterdir()] == ["secret.key"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610])
def test_refuses_a_key_that_others_can_reach(tmp_path: Path, mode: int) -> None:
    FileSecretBox(tmp_path)
    (tmp_path / "secret.key").chmod(mode)
    with pytest.raises(ConfigurationError, match=r"chmod 600 secret\.key"):
        FileSecretBox(tmp_path)


@pytest.mark.parametrize("content", ["", "abc", "00" * 31, "zz" * 32, "00" * 33])
def test_refuses_a_file_that_holds_no_key(tmp_path: Path, content: str) -> None:
    path = tmp_path / "secret.key"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(ConfigurationError, match=r"secret\.key in data_dir holds no key"):
        FileSecretBox(tmp_path)


def test_refuses_a_file_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    path.write_bytes(bytes(range(200, 232)))
    path.chmod(0o600)
    with pytest.raises(ConfigurationError, match=r"secret\.key in data_dir holds no key"):
        FileSecretBox(tmp_path)


def test_refuses_a_data_dir_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(ConfigurationError, match="data_dir"):
        FileSecretBox(tmp_path / "data")
