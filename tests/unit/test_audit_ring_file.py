"""The file in which a ring lies: its user's alone, found again when both processes died, else removed."""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from radgate_server.adapters.audit_spool import ring_file
from radgate_server.adapters.audit_spool.ring import Ring
from radgate_server.adapters.audit_spool.ring_file import LINK, open_ring, remove_ring
from radgate_server.core.audit_chain import Content
from radgate_server.core.errors import ConfigurationError
from radgate_server.core.ports.audit_spool import SpoolState
from tests.conformance.audit_recorder_suite import MEMORY

type Open = Callable[[], Ring]

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
def reopen(memory_dir: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Opens it as a server does that starts, but waits for nobody."""
    monkeypatch.setattr(ring_file, "PATIENCE_S", 0)
    return lambda: open_ring(memory_dir, folder, SIZE_BYTES)


@pytest.fixture
def ring(reopen: Open) -> Ring:
    """With one record in it."""
    ring = reopen()
    ring.tell(SpoolState(0, 0, 0.0, 0, 0), refusing=False)
    ring.put(RECORD)
    return ring


def empty(ring: Ring) -> Ring:
    ring.free(ring.look(1)[1])
    return ring


def test_lies_in_memory_for_its_user_alone(memory_dir: Path, folder: Path, ring: Ring) -> None:
    (file,) = memory_dir.iterdir()
    assert (folder / LINK).readlink() == file
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    ring.close()


def test_is_gone_on_with_when_both_have_died(reopen: Open, memory_dir: Path, ring: Ring) -> None:
    other = os.dup(ring.fd)  # the recorder's
    for closed in (lambda: None, ring.close):
        closed()
        with pytest.raises(ConfigurationError, match="another server uses it, or has not ended yet"):
            reopen()
    os.close(other)
    found = reopen()
    assert found.look(10)[0] == [RECORD]
    assert len(list(memory_dir.iterdir())) == 1
    found.close()


def test_is_removed_when_nothing_is_in_it(reopen: Open, memory_dir: Path, folder: Path, ring: Ring) -> None:
    remove_ring(ring, folder)
    left = reopen()
    assert left.look(10)[0] == [RECORD]
    remove_ring(empty(left), folder)
    assert list(folder.iterdir()) == list(memory_dir.iterdir()) == []


def test_both_processes_may_remove_it(memory_dir: Path, folder: Path, ring: Ring) -> None:
    remove_ring(Ring(os.dup(empty(ring).fd)), folder)
    remove_ring(ring, folder)
    assert list(folder.iterdir()) == list(memory_dir.iterdir()) == []


def test_nobody_removes_anothers(reopen: Open, folder: Path, ring: Ring) -> None:
    (folder / LINK).rename(folder / "by hand")
    other = reopen()
    remove_ring(empty(ring), folder)
    assert os.path.samestat((folder / LINK).stat(), os.fstat(other.fd))
    other.close()


def test_stays_where_nothing_can_be_removed(
    reopen: Open, folder: Path, ring: Ring, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(30, "a disk to read from alone")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", fail)
        remove_ring(empty(ring), folder)
    left = reopen()
    assert left.is_empty
    left.close()


def test_one_that_was_removed_while_another_waited_is_not_gone_on_with(
    reopen: Open, memory_dir: Path, folder: Path, ring: Ring, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty(ring)
    lock = ring_file.lock

    def wait(fd: int, patience_s: float) -> None:
        monkeypatch.setattr(ring_file, "lock", lock)
        remove_ring(ring, folder)
        lock(fd, patience_s)

    monkeypatch.setattr(ring_file, "lock", wait)
    other = reopen()
    (file,) = memory_dir.iterdir()
    assert os.path.samestat(file.stat(), os.fstat(other.fd))
    other.close()


@pytest.mark.parametrize("file", ["made", "not made"])
def test_what_was_begun_by_one_that_was_killed_is_finished(
    reopen: Open, memory_dir: Path, folder: Path, file: str, caplog: pytest.LogCaptureFixture
) -> None:
    """While it was making the file, or removing it."""
    folder.mkdir()
    begun = memory_dir / "begun"
    (folder / f"{LINK}-empty").symlink_to(begun)
    if file == "made":
        begun.touch()
    remove_ring(reopen(), folder)
    assert list(folder.iterdir()) == list(memory_dir.iterdir()) == []
    assert caplog.text == ""


def test_that_it_is_gone_is_told_once(reopen: Open, folder: Path, ring: Ring, caplog: pytest.LogCaptureFixture) -> None:
    """As after the machine was started anew."""
    ring.close()
    (folder / LINK).readlink().unlink()
    for _ in range(2):
        remove_ring(reopen(), folder)
    assert caplog.text.count("its last records may be missing in the audit trail") == 1


def test_what_can_not_be_read_is_told(reopen: Open, ring: Ring, caplog: pytest.LogCaptureFixture) -> None:
    ring.put(RECORD)
    os.pwrite(ring.fd, b"?", os.fstat(ring.fd).st_size - SIZE_BYTES + ring.look(1)[1])
    ring.close()
    found = reopen()
    assert found.look(10)[0] == [RECORD]
    assert "bytes of records that an earlier server left in memory can't be read" in caplog.text
    found.close()


@pytest.mark.parametrize("strange", ["another user's", "a link", "a folder", "too small", "another version's"])
def test_what_is_no_ring_of_this_users_is_not_read(
    reopen: Open,
    folder: Path,
    ring: Ring,
    strange: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    link = folder / LINK
    file = link.readlink()
    ring.close()
    with monkeypatch.context() as patch:
        match strange:
            case "another user's":
                patch.setattr(os, "geteuid", lambda: os.getuid() + 1)
            case "a link":
                moved = link.with_suffix(".moved")
                moved.write_bytes(file.read_bytes())
                file.unlink()
                file.symlink_to(moved)
            case "a folder":
                file.unlink()
                file.mkdir()
            case "too small":
                os.truncate(file, 8)
            case _:
                file.write_bytes(b"?" * SIZE_BYTES)
        remove_ring(reopen(), folder)
    (aside,) = folder.glob(f"{LINK}-aside-*")
    assert aside.readlink() == file
    assert caplog.text.count(f"can't be used; {aside.name} leads there") == 1


@pytest.mark.parametrize(
    ("memory_dir", "problem"),
    [
        ("/proc", "is of file system proc, not tmpfs: patient data would lie on a disk in clear"),
        ("/dev/shm/not-there", "No such file or directory"),
    ],
)
def test_says_what_is_wrong_with_the_folder(folder: Path, memory_dir: str, problem: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        open_ring(Path(memory_dir), folder)
    assert refused.value.message.startswith("audit.memory_dir: ")
    assert problem in refused.value.message
    assert 'set audit.answers_wait_for = "spool"' in refused.value.message
    assert list(folder.iterdir()) == []


def test_leaves_nothing_when_there_is_no_room_or_no_folder(memory_dir: Path, folder: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"^audit.memory_dir: can't use .*: (No space|File too large)"):
        open_ring(memory_dir, folder, 1 << 60)
    assert list(memory_dir.iterdir()) == list(folder.iterdir()) == []
    (folder / "file").touch()
    with pytest.raises(ConfigurationError, match="can't use the folder of the audit spool"):
        open_ring(memory_dir, folder / "file", SIZE_BYTES)
    assert list(memory_dir.iterdir()) == []
