"""The spool: numbered segments in a folder of data_dir, the oldest goes first."""

import fcntl
import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from radgate_server.adapters.audit_spool.segment_file import (
    SegmentFile,
    decode_attempt,
    encode_attempt,
    read_segment,
)
from radgate_server.core.errors import ConfigurationError, SpoolFullError
from radgate_server.core.ports.audit_spool import Attempt, Cipher, Segment, SpooledBatch, SpoolState

_log = logging.getLogger(__name__)

SEGMENT_RECORDS = 1000
"""A segment is one transaction of the database's, which others wait for."""

_SEGMENT, _ATTEMPT, _DAMAGED = ".spool", ".attempt", ".damaged"
_DRAINED = "drained"
"""Holds the number of the last segment that went: none comes twice, not even from a copy of the folder."""


class _Waiting(NamedTuple):
    records: int
    size_bytes: int
    since_s: float


class FileAuditSpool:
    """AuditSpool. Only one process may have the folder open; `close()` it.

    Raises:
        ConfigurationError: the folder can't be used, or another server uses it.
    """

    def __init__(
        self, folder: Path, cipher: Cipher, *, limit_bytes: int, unix_s: Callable[[], float] = time.time
    ) -> None:
        self._folder = folder
        self._cipher = cipher
        self._limit_bytes = limit_bytes
        self._unix_s = unix_s
        self._lock = Lock()
        self._open: SegmentFile | None = None
        self._waiting: dict[int, _Waiting] = {}
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise ConfigurationError(f"data_dir: can't use the folder of the audit spool: {reason}") from None
        drained = self._drained()
        self._take_stock(drained)
        self._next = max([drained, *self._waiting, *(int(path.stem) for path in folder.glob(f"*{_DAMAGED}"))]) + 1
        self._active = bool(self._waiting)

    def put_if_active(self, batch: SpooledBatch) -> bool:
        """Keep the batch if something waits already. Raises SpoolFullError."""
        with self._lock:
            if self._active:
                self._put(batch)
            return self._active

    def put(self, batch: SpooledBatch) -> None:
        """Keep the batch, and be active from now on. Raises SpoolFullError."""
        with self._lock:
            self._put(batch)
            self._active = True

    def oldest(self) -> Segment | None:
        """What is to go first; None when nothing waits."""
        while True:
            with self._lock:
                if not self._waiting:
                    self._active = False
                    return None
                number = min(self._waiting)
                if self._open is not None and self._open.number == number:
                    self._close_segment()
            try:
                return Segment(number, read_segment(self._path(number), number, self._cipher), self._attempt(number))
            except ValueError:
                self._put_aside(number)

    def note_attempt(self, number: int, attempt: Attempt) -> None:
        """Remember that the segment is about to be committed. Raises OSError."""
        self._write(self._path(number, _ATTEMPT), encode_attempt(attempt))

    def drop(self, number: int) -> None:
        """The segment, the oldest, is in the database. Raises OSError."""
        self._write(self._folder / _DRAINED, str(number).encode())
        self._path(number).unlink()
        self._path(number, _ATTEMPT).unlink(missing_ok=True)
        os.fsync(self._descriptor)
        with self._lock:
            del self._waiting[number]

    @property
    def state(self) -> SpoolState:
        """How much waits."""
        waiting = list(self._waiting.values())
        return SpoolState(
            sum(one.records for one in waiting),
            sum(one.size_bytes for one in waiting),
            min((one.since_s for one in waiting), default=0.0),
            self._limit_bytes,
            sum(1 for _ in self._folder.glob(f"*{_DAMAGED}")),
        )

    def close(self) -> None:
        """Let go of the folder; what waits stays there."""
        with self._lock:
            if self._open is not None:
                self._close_segment()
            os.close(self._descriptor)

    def _put(self, batch: SpooledBatch) -> None:
        try:
            segment = self._open or self._begin_segment()
            frame = segment.frame_of(batch)
            if sum(one.size_bytes for one in self._waiting.values()) + len(frame) > self._limit_bytes:
                raise SpoolFullError("the audit spool is full")
            segment.append(frame, len(batch.contents))
        except OSError as error:
            raise SpoolFullError(f"the audit spool can't be written: {os.strerror(error.errno or 0)}") from None
        known = self._waiting.get(segment.number)
        since_s = known.since_s if known else self._unix_s()
        self._waiting[segment.number] = _Waiting(segment.records, segment.size_bytes, since_s)
        if segment.records >= SEGMENT_RECORDS:
            self._close_segment()

    def _begin_segment(self) -> SegmentFile:
        self._open = SegmentFile(self._path(self._next), self._next, self._cipher)
        self._next += 1
        os.fsync(self._descriptor)
        return self._open

    def _close_segment(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None

    def _write(self, path: Path, data: bytes) -> None:
        draft = path.with_suffix(".draft")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        draft.rename(path)
        os.fsync(self._descriptor)

    def _drained(self) -> int:
        try:
            return int((self._folder / _DRAINED).read_bytes())
        except (FileNotFoundError, ValueError):
            return 0

    def _take_stock(self, drained: int) -> None:
        """What an earlier run left behind. Segments without a whole frame hold nothing that anybody was told of."""
        for path in sorted(self._folder.glob(f"*{_SEGMENT}")):
            number = int(path.stem)
            if number <= drained:
                _log.warning("a part of the audit spool that was drained before was removed: %s", path.name)
                path.unlink()
                continue
            try:
                records = sum(len(batch.contents) for batch in read_segment(path, number, self._cipher))
            except ValueError:
                self._put_aside(number)
                continue
            if records:
                found = path.stat()
                self._waiting[number] = _Waiting(records, found.st_size, found.st_mtime)
            else:
                path.unlink()
        for path in self._folder.glob(f"*{_ATTEMPT}"):
            if int(path.stem) not in self._waiting:  # another segment of that number may come
                path.unlink()

    def _attempt(self, number: int) -> Attempt | None:
        with suppress(FileNotFoundError):
            return decode_attempt(self._path(number, _ATTEMPT).read_bytes())
        return None

    def _put_aside(self, number: int) -> None:
        path = self._path(number)
        _log.critical("a part of the audit spool is damaged and was put aside as %s", path.stem + _DAMAGED)
        path.rename(path.with_suffix(_DAMAGED))
        with self._lock:
            self._waiting.pop(number, None)

    def _path(self, number: int, suffix: str = _SEGMENT) -> Path:
        return self._folder / f"{number:012}{suffix}"
