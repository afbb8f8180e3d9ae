"""The files in which rings lie: their user's alone, found again when both processes died, else removed."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from radgate_server.adapters.audit_spool.ring import Ring
from radgate_server.adapters.audit_spool.ring_files import create_ring, remove_ring, rings_left_behind
from radgate_server.core.audit_chain import Content
from radgate_server.core.errors import ConfigurationError
from radgate_server.core.ports.audit_spool import SpoolState
from tests.conformance.audit_recorder_suite import MEMORY

RECORD = Content(1_700_000_000_000_000, -1, ("a", "word"))
SIZE_BYTES = 1 << 16


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The spool's, which isn't there yet."""
    return tmp_path / "spool"


@pytest.fixture
def memory_dir() -> Iterator[Path]:
    with TemporaryDirectory(dir=MEMORY, prefix="radgate-test-") as path:
        yield Path(path)


@pytest.fixture
def ring(memory_dir: Path, folder: Path) -> Ring:
    """With one record in it."""
    ring = create_ring(memory_dir, folder, SIZE_BYTES)
    ring.tell(SpoolState(0, 0, 0.0, 0, 0), refusing=False)
    ring.put(RECORD)
    return ring


def link_in(folder: Path) -> Path:
    (link,) = folder.iterdir()
    return link


def left_in(folder: Path) -> list[Ring]:
    return list(rings_left_behind(folder))


def test_lies_in_memory_for_its_user_alone(memory_dir: Path, folder: Path, ring: Ring) -> None:
    (file,) = memory_dir.iterdir()
    assert link_in(folder).readlink() == file
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    ring.close()


def test_is_found_when_nobody_works_with_it(folder: Path, ring: Ring) -> None:
    other = os.dup(ring.fd)  # the recorder's
    assert left_in(folder) == []
    ring.close()
    assert left_in(folder) == []
    os.close(other)
    (left,) = left_in(folder)
    assert left.look(10)[0] == [RECORD]
    assert left_in(folder) == []  # for this process works with it
    left.close()


def test_stays_while_something_is_in_it(memory_dir: Path, folder: Path, ring: Ring) -> None:
    remove_ring(ring, folder)
    (left,) = left_in(folder)
    left.free(left.look(1)[1])
    remove_ring(left, folder)
    assert left_in(folder) == []
    assert list(folder.iterdir()) == []
    assert list(memory_dir.iterdir()) == []


def test_both_processes_may_remove_it_and_no_other(memory_dir: Path, folder: Path, ring: Ring) -> None:
    remove_ring(create_ring(memory_dir, folder, SIZE_BYTES), folder)
    assert link_in(folder).exists()
    ring.free(ring.look(1)[1])
    remove_ring(Ring(os.dup(ring.fd)), folder)
    remove_ring(ring, folder)
    assert list(folder.iterdir()) == list(memory_dir.iterdir()) == []


def test_that_one_is_gone_is_told_once(folder: Path, ring: Ring, caplog: pytest.LogCaptureFixture) -> None:
    """As after the machine was started anew."""
    ring.close()
    link_in(folder).readlink().unlink()
    for _ in range(2):
        assert left_in(folder) == []
    assert caplog.text.count("its last records may be missing in the audit trail") == 1
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("strange", ["another user's", "a link", "a folder", "too small", "another version's"])
def test_what_is_no_ring_of_this_users_is_not_read(
    folder: Path, ring: Ring, strange: str, caplog: pytest.LogCaptureFixture
) -> None:
    link = link_in(folder)
    file = link.readlink()
    ring.close()
    match strange:
        case "another user's":
            os.chown(file, os.geteuid() + 1, -1)
        case "a link":
            moved = link.with_suffix(".moved")
            moved.write_bytes(file.read_bytes())
            file.unlink()
            file.symlink_to(moved)
        case "a folder":
            file.unlink()
            link.unlink()
            link.symlink_to(folder)
        case "too small":
            os.truncate(file, 8)
        case _:
            file.write_bytes(b"?" * SIZE_BYTES)
    for _ in range(2):
        assert left_in(folder) == []
    assert caplog.text.count(f"can't be used, and {link.name} was put aside") == 1
    assert link.with_suffix(".ring-aside").is_symlink()


@pytest.mark.parametrize(
    ("memory_dir", "problem"),
    [
        ("/proc", "is of file system proc, not tmpfs: patient data would lie on a disk in clear"),
        ("/dev/shm/not-there", "No such file or directory"),
    ],
)
def test_says_what_is_wrong_with_the_folder(folder: Path, memory_dir: str, problem: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        create_ring(Path(memory_dir), folder)
    assert refused.value.message.startswith("audit.memory_dir: ")
    assert problem in refused.value.message
    assert 'set audit.answers_wait_for = "spool"' in refused.value.message


def test_leaves_nothing_when_there_is_no_room_or_no_folder(memory_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"^audit.memory_dir: can't use .*: (No space|File too large)"):
        create_ring(memory_dir, tmp_path, 1 << 60)
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="can't use the folder of the audit spool"):
        create_ring(memory_dir, tmp_path / "file", SIZE_BYTES)
    assert list(memory_dir.iterdir()) == list(tmp_path.glob("*.ring")) == []
