"""The spool's files: what is kept, in which order, what survives a crash, what is refused."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from radgate_server.adapters.audit.spool import FileAuditSpool, spool
from radgate_server.adapters.secrets.spool_cipher import SpoolCiphers
from radgate_server.core.audit.chain import Content, content_of
from radgate_server.core.audit.ports.spool import Attempt, AuditSpool, Segment, SpooledBatch
from radgate_server.core.errors import ConfigurationError, SpoolFullError
from tests.conformance.database_suites import audit_entry

ATTEMPT = Attempt("a", 7, bytes(range(32)))


def contents(*numbers: int) -> list[Content]:
    return [content_of(audit_entry(number)) for number in numbers]


def drain(waiting: AuditSpool) -> list[Content]:
    """Take all out."""
    taken = []
    while (segment := waiting.oldest()) is not None:
        taken += [content for batch in segment.batches for content in batch.contents]
        waiting.drop(segment.number)
    return taken


class Opener:
    """Opens the folder's spool again, as a server does that was started again."""

    def __init__(self, data_dir: Path) -> None:
        self.folder = data_dir / "audit-spool"
        self.passed_s = 0.0
        self._data_dir = data_dir
        self._opened: FileAuditSpool | None = None

    def __call__(self, limit_bytes: int = 1 << 20) -> FileAuditSpool:
        self.close()
        ciphers = SpoolCiphers(self._data_dir)
        self._opened = FileAuditSpool(
            self.folder, ciphers, limit_bytes=limit_bytes, unix_s=lambda: 5.0, monotonic_s=lambda: self.passed_s
        )
        return self._opened

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()
        self._opened = None


@pytest.fixture
def reopen(tmp_path: Path) -> Iterator[Opener]:
    opener = Opener(tmp_path)
    yield opener
    opener.close()


def damaged(data: bytes) -> bytes:
    """With another last byte."""
    return data[:-1] + bytes([data[-1] ^ 1])


def segments(reopen: Opener, suffix: str = ".spool") -> list[Path]:
    return sorted(reopen.folder.glob(f"*{suffix}"))


def test_is_active_from_the_first_record_to_the_last(reopen: Opener) -> None:
    waiting = reopen()
    assert not waiting.put_if_active(SpooledBatch(contents(1)))
    waiting.put(SpooledBatch(contents(2, 3), ATTEMPT))
    assert waiting.put_if_active(SpooledBatch(contents(4)))
    assert (waiting.state.records, waiting.state.oldest_s) == (3, 5.0)
    found = waiting.oldest()
    assert found == Segment(1, [SpooledBatch(contents(2, 3), ATTEMPT), SpooledBatch(contents(4))], None)
    assert waiting.put_if_active(SpooledBatch(contents(5)))  # while the oldest are in transit
    assert drain(waiting) == contents(2, 3, 4, 5)
    assert not waiting.put_if_active(SpooledBatch(contents(6)))
    assert waiting.state[:3] == (0, 0, 0.0)


def test_records_that_are_appended_gather_for_a_while(reopen: Opener) -> None:
    waiting = reopen()
    for number in range(3):
        waiting.append(contents(number))
    assert waiting.oldest(gather_s=0.2) is None
    assert waiting.is_waiting(waiting.newest)
    reopen.passed_s += 0.2
    segment = waiting.oldest(gather_s=0.2)
    assert segment
    assert [content for batch in segment.batches for content in batch.contents] == contents(0, 1, 2)
    waiting.append(contents(3))  # comes to the next one
    waiting.drop(segment.number)
    assert not waiting.is_waiting(segment.number)
    assert drain(waiting) == contents(3)
    assert waiting.state[:3] == (0, 0, 0.0)


def test_what_is_appended_outlives_the_process_at_once(reopen: Opener) -> None:
    waiting = reopen()
    waiting.append(contents(1))
    (path,) = segments(reopen)
    copy = path.read_bytes()  # what the next process would find if this one died now
    assert drain(waiting) == contents(1)
    reopen.close()
    path.with_stem(f"{2:012}").write_bytes(copy)
    assert reopen().state.damaged == 1  # it opens in its own place only
    (reopen.folder / "drained").unlink()
    path.write_bytes(copy)
    assert drain(reopen()) == contents(1)


def test_what_is_appended_is_synced_before_it_goes(reopen: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting, synced = reopen(), list[int]()
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (synced.append(file), fsync(file)))
    waiting.append(contents(1))
    assert synced == []  # the caller waits for no disk
    waiting.sync()
    assert len(synced) == 2  # the records, and the file's name
    waiting.sync()
    assert len(synced) == 2
    waiting.append(contents(2))
    assert waiting.oldest()
    assert len(synced) == 4


def test_more_segments_than_stay_in_memory_go_all_the_same(reopen: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "SEGMENT_RECORDS", 2)
    monkeypatch.setattr(spool, "SEGMENTS_IN_MEMORY", 2)
    waiting = reopen()
    for number in range(9):
        waiting.append(contents(number))
    assert drain(waiting) == contents(*range(9))


def test_records_are_for_nobody_elses_eyes(reopen: Opener) -> None:
    reopen().put(SpooledBatch(contents(1)))
    (path,) = segments(reopen)
    assert (path.stat().st_mode & 0o777, reopen.folder.stat().st_mode & 0o777) == (0o600, 0o700)
    assert b"P-1" not in path.read_bytes()


def test_a_new_start_continues_where_the_last_one_ended(reopen: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "SEGMENT_RECORDS", 2)
    waiting = reopen()
    for number in range(5):
        waiting.put(SpooledBatch(contents(number)))
    assert len(segments(reopen)) == 3
    waiting = reopen()
    assert waiting.state.records == 5
    assert waiting.put_if_active(SpooledBatch(contents(5)))
    assert drain(waiting) == contents(0, 1, 2, 3, 4, 5)


def test_the_attempt_to_commit_a_segment_is_remembered(reopen: Opener) -> None:
    waiting = reopen()
    waiting.put(SpooledBatch(contents(1)))
    segment = waiting.oldest()
    assert segment
    waiting.note_attempt(segment.number, ATTEMPT)
    found = reopen().oldest()
    assert found
    assert found.attempt == ATTEMPT


def test_an_attempt_is_not_taken_for_that_of_another_segment(reopen: Opener) -> None:
    waiting = reopen()
    waiting.put(SpooledBatch(contents(1)))
    segment = waiting.oldest()
    assert segment
    waiting.note_attempt(segment.number, ATTEMPT)
    segments(reopen)[0].unlink()  # as if the server had died between removing the two
    waiting = reopen()
    waiting.put(SpooledBatch(contents(2)))
    found = waiting.oldest()
    assert found
    assert (found.number, found.attempt) == (segment.number, None)


@pytest.mark.parametrize("cut", [1, 30, 200])
def test_what_was_being_written_when_the_server_died_is_passed_over(reopen: Opener, cut: int) -> None:
    waiting = reopen()
    waiting.put(SpooledBatch(contents(1)))
    waiting.put(SpooledBatch(contents(2)))
    reopen.close()
    (path,) = segments(reopen)
    os.truncate(path, path.stat().st_size - cut)
    assert drain(reopen()) == contents(1)


def test_what_is_damaged_is_put_aside_and_reported(reopen: Opener, caplog: pytest.LogCaptureFixture) -> None:
    reopen().put(SpooledBatch(contents(1)))
    reopen.close()
    (path,) = segments(reopen)
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    waiting = reopen()
    assert (waiting.oldest(), waiting.state.damaged, len(segments(reopen, ".damaged"))) == (None, 1, 1)
    assert "damaged" in caplog.text


@pytest.mark.parametrize("left", [b"", bytes(4096), b"\0\0\0\x10" + bytes(60)])
def test_a_power_cut_takes_nothing_before_the_first_damaged_record(
    reopen: Opener, monkeypatch: pytest.MonkeyPatch, left: bytes
) -> None:
    monkeypatch.setattr(spool, "SEGMENTS_IN_MEMORY", 0)
    waiting = reopen()
    waiting.put(SpooledBatch(contents(1, 2)))
    waiting.put(SpooledBatch(contents(3)))
    (path,) = segments(reopen)
    path.write_bytes(path.read_bytes() + left)  # a page that never came to the disk
    assert drain(waiting) == contents(1, 2, 3)
    assert [found.read_bytes() for found in segments(reopen, ".damaged")] == [left] * bool(left)
    assert waiting.state[:2] == (0, 0)


def test_a_segment_that_was_put_aside_comes_back_once(reopen: Opener) -> None:
    reopen().put(SpooledBatch(contents(1)))
    reopen.close()
    (path,) = segments(reopen)
    whole = path.read_bytes()
    path.write_bytes(damaged(whole))  # as if it were sealed under another key
    waiting = reopen()
    waiting.put(SpooledBatch(contents(2)))
    assert drain(waiting) == contents(2)
    for drained in (contents(1), []):
        reopen.close()
        path.write_bytes(whole)
        assert drain(reopen()) == drained
    assert reopen().newest == 2


def test_who_removes_files_does_not_stop_the_others(
    reopen: Opener, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(spool, "SEGMENT_RECORDS", 1)
    monkeypatch.setattr(spool, "SEGMENTS_IN_MEMORY", 1)
    waiting = reopen()
    for number in range(3):
        waiting.append(contents(number))
    for path in segments(reopen)[:2]:
        path.unlink()
    assert drain(waiting) == contents(0, 2)
    assert "was removed before it was drained: 000000000002.spool" in caplog.text


def test_what_was_put_aside_stays_when_something_else_is_damaged(reopen: Opener) -> None:
    for _ in range(2):
        reopen().put(SpooledBatch(contents(1)))
        reopen.close()
        (path,) = segments(reopen)
        path.write_bytes(damaged(path.read_bytes()))
    assert reopen().state.damaged == 2


def test_what_was_drained_is_not_drained_again_from_a_copy(reopen: Opener, caplog: pytest.LogCaptureFixture) -> None:
    waiting = reopen()
    waiting.put(SpooledBatch(contents(1)))
    (path,) = segments(reopen)
    copy = path.read_bytes()
    assert drain(waiting) == contents(1)
    path.write_bytes(copy)
    waiting = reopen()
    assert waiting.state.records == 0
    assert "drained before" in caplog.text
    waiting.put(SpooledBatch(contents(2)))
    (path,) = segments(reopen)
    reopen.close()
    path.write_bytes(copy)  # in the place of what waits
    waiting = reopen()
    assert (drain(waiting), waiting.state.damaged) == ([], 1)


def test_a_full_spool_takes_no_more(reopen: Opener) -> None:
    waiting = reopen(limit_bytes=1000)
    waiting.put(SpooledBatch(contents(1)))
    with pytest.raises(SpoolFullError, match=r"^the audit spool is full$"):
        waiting.put(SpooledBatch(contents(2, 3, 4, 5)))
    waiting.put(SpooledBatch(contents(6)))
    assert waiting.state.size_bytes <= 1000
    assert drain(waiting) == contents(1, 6)


def test_a_disk_that_fails_leaves_no_half_record(reopen: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = reopen()
    waiting.put(SpooledBatch(contents(1)))

    def fail(_file: int) -> None:
        raise OSError(28, "no space")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(SpoolFullError, match=r"^the audit spool can't be written: No space left on device$"):
            waiting.put(SpooledBatch(contents(2)))
    waiting.put(SpooledBatch(contents(3)))
    assert drain(waiting) == contents(1, 3)


def test_nothing_is_written_behind_half_a_frame(reopen: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting, write = reopen(), os.write
    waiting.append(contents(1))
    (path,) = segments(reopen)

    def fail(*_: object) -> int:
        raise OSError(5, "the disk fails")

    def write_once(file: int, data: bytes) -> int:
        patch.setattr(os, "write", fail)
        return write(file, data[:40])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write_once)
        patch.setattr(os, "ftruncate", fail)
        for _ in range(2):
            with pytest.raises(SpoolFullError):
                waiting.append(contents(2))
    waiting.append(contents(3))
    copy = path.read_bytes()
    assert drain(waiting) == contents(1, 3)
    reopen.close()
    (reopen.folder / "drained").unlink()
    path.write_bytes(copy)
    assert drain(reopen()) == contents(1, 3)


def test_a_disk_that_takes_little_at_once_gets_all(reopen: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:7]))
    waiting = reopen()
    waiting.put(SpooledBatch(contents(1)))
    waiting.note_attempt(waiting.newest, ATTEMPT)
    assert reopen().oldest() == Segment(1, [SpooledBatch(contents(1))], ATTEMPT)


def test_nothing_is_answered_while_what_was_before_can_not_be_synced(
    reopen: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = reopen()
    waiting.append(contents(1))

    def fail(_file: int) -> None:
        raise OSError(5, "the disk fails")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="the disk fails"):
            waiting.sync()
    with pytest.raises(SpoolFullError, match=r"^the audit spool can't be synced$"):
        waiting.append(contents(2))
    waiting.sync()
    waiting.append(contents(3))
    assert drain(waiting) == contents(1, 3)


def test_a_second_server_may_not_use_the_folder(reopen: Opener, tmp_path: Path) -> None:
    reopen()
    with pytest.raises(ConfigurationError):
        FileAuditSpool(reopen.folder, SpoolCiphers(tmp_path), limit_bytes=1)
