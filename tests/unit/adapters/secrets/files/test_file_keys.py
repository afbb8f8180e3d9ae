"""Key-encryption keys in files."""

import asyncio
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from radgate_server.adapters.secrets.files.encryption_keys import FileKeys
from radgate_server.core.errors import ConfigurationError
from radgate_server.core.secrets.secret import SecretContext

HERE = SecretContext("a", "main")
DATA_KEY = bytes(range(32))


@pytest.fixture
def keys(tmp_path: Path) -> FileKeys:
    return FileKeys(tmp_path)


async def test_the_first_use_makes_the_first_version_for_its_owner_alone(keys: FileKeys, tmp_path: Path) -> None:
    assert await keys.current() == "file:1"
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    (file,) = (tmp_path / "keys").iterdir()
    assert (file.name, stat.S_IMODE(file.stat().st_mode)) == ("kek-000001.key", 0o600)


async def test_a_new_version_is_seen_by_every_process_and_the_old_one_still_opens(
    keys: FileKeys, tmp_path: Path
) -> None:
    other_process = FileKeys(tmp_path)
    old = await keys.wrap(DATA_KEY, HERE)
    assert await other_process.rotate() == "file:2"
    new = await keys.wrap(DATA_KEY, HERE)
    assert (old[0], new[0]) == ("file:1", "file:2")
    for version, wrapped in (old, new):
        assert await keys.unwrap(version, wrapped, HERE) == DATA_KEY
    assert [(found.version, found.current) for found in await keys.versions()] == [("file:1", False), ("file:2", True)]


async def test_a_wrapped_key_opens_neither_elsewhere_nor_under_another_version(keys: FileKeys) -> None:
    version, wrapped = await keys.wrap(DATA_KEY, HERE)
    await keys.rotate()
    for at, context in ((version, SecretContext("b", "main")), ("file:2", HERE), ("file:3", HERE), ("file:../x", HERE)):
        with pytest.raises(ConfigurationError):
            await keys.unwrap(at, wrapped, context)
    with pytest.raises(ConfigurationError):
        await keys.unwrap(version, b"", HERE)


async def test_prunes_what_is_neither_used_nor_current(keys: FileKeys, tmp_path: Path) -> None:
    for _ in range(4):
        await keys.rotate()
    assert await keys.prune({"file:2"}) == ("file:1", "file:3")
    assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == ["kek-000002.key", "kek-000004.key"]
    assert await keys.rotate() == "file:5"  # no number is used again while a higher one is there


def test_rotations_at_once_leave_whole_keys(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: asyncio.run(FileKeys(tmp_path).rotate()), range(8)))
    files = sorted((tmp_path / "keys").iterdir())
    assert len(files) == len(set(made))
    assert all(len(bytes.fromhex(file.read_text())) == 32 for file in files)


async def test_refuses_a_key_that_others_can_read(keys: FileKeys, tmp_path: Path) -> None:
    version, wrapped = await keys.wrap(DATA_KEY, HERE)
    (tmp_path / "keys" / "kek-000001.key").chmod(0o644)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        await keys.unwrap(version, wrapped, HERE)
