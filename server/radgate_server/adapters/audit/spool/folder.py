"""The spool's folder below data_dir: numbered segments, and their state."""

import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from radgate_server.adapters.audit.spool.segment_file import SegmentFile, decode_attempt, encode_attempt, read_segment
from radgate_server.core.audit.ports.spool import Attempt, Ciphers, SpooledBatch
from radgate_server.core.errors import ConfigurationError
from radgate_server.lib.files import write_all

_log = logging.getLogger(__name__)

_SEGMENT, _ATTEMPT, _DAMAGED = ".spool", ".attempt", ".damaged"
_ASIDE = ".aside"
"""Marks a segment that was set aside as a whole: it may be restored, though later ones have been committed."""
_DRAINED = "drained"
"""Holds the number of the last committed segment: none is committed twice, not even from a copy of the folder."""

_LOCK_POLL_S = 0.05

LATE_S = 5.0
"""A segment that is older is not gathering records: no server commits it at present."""


def count_late(path: Path, now_s: float) -> int:
    """How many segments in the folder have waited for more than LATE_S, at the Unix time `now_s`."""
    late = 0
    for segment in path.glob(f"*{_SEGMENT}"):
        with suppress(FileNotFoundError):  # removed at this moment
            late += segment.stat().st_mtime < now_s - LATE_S
    return late


@contextmanager
def _folder_errors() -> Iterator[None]:
    """Raise an OSError of the start as a ConfigurationError."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise ConfigurationError(f"data_dir: can't use the folder of the audit spool: {reason}") from None


def opens_with(path: Path, ciphers: Ciphers) -> bool:
    """Whether what waits in the folder was sealed by this installation; it may be in use. Raises OSError."""
    for segment in sorted(path.glob(f"*{_SEGMENT}")):
        with suppress(FileNotFoundError):  # committed at this moment
            batches, damaged_at = read_segment(segment, ciphers.of_segment(int(segment.stem)))
            if batches or damaged_at is not None:
                return bool(batches)
    return True


def _lock(descriptor: int, until_s: float) -> None:
    """Take the folder, which another process may have until then (monotonic seconds). Raises BlockingIOError."""
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until_s:
                raise
            time.sleep(_LOCK_POLL_S)
        else:
            return


class SpoolFolder:
    """Only one process may have it open, which is waited for at most `wait_s` seconds; `close()` it.

    Raises:
        ConfigurationError: the folder can't be used, or another server uses it.
    """

    def __init__(self, path: Path, ciphers: Ciphers, wait_s: float = 0.0) -> None:
        self._path = path
        self._ciphers = ciphers
        with _folder_errors():
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                _lock(self._descriptor, time.monotonic() + wait_s)
            except OSError:
                os.close(self._descriptor)
                raise

    @property
    def last_number(self) -> int:
        """The highest number of all segments so far."""
        found = (int(path.stem) for suffix in (_SEGMENT, _DAMAGED) for path in self._path.glob(f"*{suffix}"))
        return max([self._drained, *found])

    @property
    def damaged(self) -> int:
        """How many segments were set aside."""
        return sum(1 for _ in self._path.glob(f"*{_DAMAGED}"))

    def existing_segments(self) -> Iterator[tuple[int, int, os.stat_result]]:
        """Number, records and file of each segment of an earlier run; committed and empty ones are removed.

        A segment without a complete frame is empty: no answer was sent for what it holds.
        """
        waiting, drained = set[int](), self._drained
        for path in sorted(self._path.glob(f"*{_SEGMENT}")):
            number = int(path.stem)
            if number <= drained and not self._file(number, _ASIDE).exists():
                _log.warning("a part of the audit spool that was drained before was removed: %s", path.name)
                path.unlink()
                continue
            if records := sum(len(batch.contents) for batch in self.read(number)):
                waiting.add(number)
                yield number, records, path.stat()
            else:
                path.unlink(missing_ok=True)
        for path in self._path.glob(f"*{_ATTEMPT}"):
            if int(path.stem) not in waiting:  # another segment may get that number
                path.unlink()

    def begin(self, number: int) -> SegmentFile:
        """A new segment, whose name is on the disk after `sync`. Raises OSError."""
        return SegmentFile(self._file(number), number, self._ciphers.of_segment(number))

    def read(self, number: int) -> list[SpooledBatch]:
        """All batches of a segment before the first that is damaged; from there on it is set aside.

        Raises OSError.
        """
        try:
            batches, damaged_at = read_segment(self._file(number), self._ciphers.of_segment(number))
        except FileNotFoundError:
            _log.critical("a part of the audit spool was removed before it was drained: %s", self._file(number).name)
            return []
        if damaged_at is not None:
            self._set_aside(number, damaged_at)
        return batches

    def attempt(self, number: int) -> Attempt | None:
        """The last attempt to commit the segment."""
        with suppress(FileNotFoundError):
            return decode_attempt(self._file(number, _ATTEMPT).read_bytes())
        return None

    def note_attempt(self, number: int, attempt: Attempt) -> None:
        """Write down, synced, that the segment is about to be committed. Raises OSError."""
        self._write(self._file(number, _ATTEMPT), encode_attempt(attempt))

    def remove(self, number: int) -> None:
        """Remove a segment that is committed, and write down that it is. Raises OSError."""
        self._write(self._path / _DRAINED, str(max(number, self._drained)).encode())
        for suffix in (_ASIDE, _SEGMENT, _ATTEMPT):
            self._file(number, suffix).unlink(missing_ok=True)
        self.sync()

    def sync(self) -> None:
        """Flush the names of the files to the disk. Raises OSError."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Close it, so that another process may have it."""
        os.close(self._descriptor)

    @property
    def _drained(self) -> int:
        try:
            return int((self._path / _DRAINED).read_bytes())
        except (FileNotFoundError, ValueError):
            return 0

    def _set_aside(self, number: int, damaged_at: int) -> None:
        """Move what can't be read into a file of its own, and end the segment before that byte."""
        path, damaged = self._file(number), self._file(number, _DAMAGED)
        _log.critical("a part of the audit spool is damaged and was put aside as %s", damaged.name)
        if damaged_at:
            self._write(damaged, path.read_bytes()[damaged_at:])
            os.truncate(path, damaged_at)
        else:
            self._file(number, _ASIDE).touch()
            path.rename(damaged)
            self.sync()

    def _write(self, path: Path, data: bytes) -> None:
        draft = path.with_suffix(".draft")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            write_all(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        draft.rename(path)
        self.sync()

    def _file(self, number: int, suffix: str = _SEGMENT) -> Path:
        return self._path / f"{number:012}{suffix}"
