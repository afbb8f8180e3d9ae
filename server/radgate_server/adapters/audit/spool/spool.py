"""The spool: records wait in the segments of a folder; the oldest is committed first."""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from radgate_server.adapters.audit.spool.folder import SpoolFolder
from radgate_server.adapters.audit.spool.segment_file import SegmentFile
from radgate_server.core.audit.chain import Content
from radgate_server.core.audit.ports.spool import Attempt, Ciphers, Segment, SpooledBatch, SpoolState
from radgate_server.core.errors import SpoolFullError

SEGMENT_RECORDS = 1000
"""A segment is one transaction of the database, which others wait for."""

SEGMENTS_IN_MEMORY = 8
"""So many segments are not read again to be committed, since they usually are soon."""


class _Waiting(NamedTuple):
    records: int
    size_bytes: int
    since_s: float


class FileAuditSpool:
    """AuditSpool. Only one process may have the folder open, which is waited for `wait_s` seconds; `close()` it.

    Raises:
        ConfigurationError: the folder can't be used, or another server uses it.
    """

    def __init__(
        self,
        folder: Path,
        ciphers: Ciphers,
        *,
        limit_bytes: int,
        wait_s: float = 0.0,
        unix_s: Callable[[], float] = time.time,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = SpoolFolder(folder, ciphers, wait_s)
        self._limit_bytes = limit_bytes
        self._unix_s = unix_s
        self._monotonic_s = monotonic_s
        self._lock = Lock()
        self._syncing = Lock()  # of two threads that sync, one waits; appending does not
        self._open: SegmentFile | None = None
        self._open_since_s = 0.0
        self._ended: list[SegmentFile] = []  # complete, and to be closed by the next sync
        self._waiting = {
            number: _Waiting(records, found.st_size, found.st_mtime)
            for number, records, found in self._folder.existing_segments()
        }
        self._in_memory: dict[int, list[SpooledBatch]] = {}
        self._size_bytes = sum(one.size_bytes for one in self._waiting.values())
        self._newest = self._folder.last_number
        self._active = bool(self._waiting)
        self._failing = False  # since a sync failed, until one succeeds

    def append(self, contents: Sequence[Content]) -> None:
        """Write records, and be active from now on. They outlive this process, but a power cut only after `sync`."""
        with self._lock:
            if self._failing:
                raise SpoolFullError("the audit spool can't be synced")
            self._put(SpooledBatch(contents), synced=False)
            self._active = True

    def put_if_active(self, batch: SpooledBatch) -> bool:
        """Write the batch, synced, if something waits already. Raises SpoolFullError."""
        with self._lock:
            if self._active:
                self._put(batch, synced=True)
            return self._active

    def put(self, batch: SpooledBatch) -> None:
        """Write the batch, synced, and be active from now on. Raises SpoolFullError."""
        with self._lock:
            self._put(batch, synced=True)
            self._active = True

    def sync(self) -> None:
        """Flush to the disk what was appended. Raises OSError."""
        with self._syncing:
            with self._lock:
                ended = list(self._ended)
                unsynced = [segment for segment in (*ended, self._open) if segment and not segment.is_synced]
            try:
                if unsynced:
                    self._folder.sync()
                for segment in unsynced:
                    segment.sync()
            except OSError:
                self._failing = True
                raise
            self._failing = False
            for segment in ended:
                segment.close()
                self._ended.remove(segment)

    def oldest(self, gather_s: float = 0.0) -> Segment | None:
        """The segment to commit first; None when nothing waits, or not for `gather_s` seconds. Raises OSError."""
        while True:
            with self._lock:
                if not self._waiting:
                    self._active = False
                    return None
                number = min(self._waiting)
                if self._open is not None and self._open.number == number:
                    if self._monotonic_s() - self._open_since_s < gather_s:
                        return None
                    self._end_segment()
                batches = self._in_memory.get(number)
            self.sync()
            if batches := batches or self._folder.read(number):
                return Segment(number, batches, self._folder.attempt(number))
            self._forget(number)

    def note_attempt(self, number: int, attempt: Attempt) -> None:
        """Write down that the segment is about to be committed. Raises OSError."""
        self._folder.note_attempt(number, attempt)

    def drop(self, number: int) -> None:
        """Remove the segment, the oldest, which is committed. Raises OSError."""
        self._folder.remove(number)
        self._forget(number)

    @property
    def newest(self) -> int:
        """The number of the last segment that was begun."""
        return self._newest

    def is_waiting(self, upto: int) -> bool:
        """Whether segments up to that number still wait."""
        return min(list(self._waiting), default=upto + 1) <= upto

    @property
    def state(self) -> SpoolState:
        """How much waits."""
        waiting = list(self._waiting.values())
        return SpoolState(
            sum(one.records for one in waiting),
            self._size_bytes,
            min((one.since_s for one in waiting), default=0.0),
            self._limit_bytes,
            self._folder.damaged,
        )

    def close(self) -> None:
        """Close the folder; what waits stays there."""
        with self._lock:
            if self._open is not None:
                self._end_segment()
        try:
            self.sync()
        finally:
            self._folder.close()

    def _put(self, batch: SpooledBatch, *, synced: bool) -> None:
        try:
            segment = self._open or self._begin_segment()
            if synced and not segment.records:
                self._folder.sync()
            frame = segment.frame_of(batch)
            if self._size_bytes + len(frame) > self._limit_bytes:
                raise SpoolFullError("the audit spool is full")
            segment.append(frame, len(batch.contents), synced=synced)
        except OSError as error:
            raise SpoolFullError(f"the audit spool can't be written: {os.strerror(error.errno or 0)}") from None
        known = self._waiting.get(segment.number)
        since_s = known.since_s if known else self._unix_s()
        self._waiting[segment.number] = _Waiting(segment.records, segment.size_bytes, since_s)
        self._size_bytes += len(frame)
        if (in_memory := self._in_memory.get(segment.number)) is not None:
            in_memory.append(batch)
        if segment.records >= SEGMENT_RECORDS:
            self._end_segment()

    def _begin_segment(self) -> SegmentFile:
        self._newest += 1
        self._open, self._open_since_s = self._folder.begin(self._newest), self._monotonic_s()
        if len(self._in_memory) < SEGMENTS_IN_MEMORY:
            self._in_memory[self._newest] = []
        return self._open

    def _end_segment(self) -> None:
        if self._open is not None:
            self._ended.append(self._open)
            self._open = None

    def _forget(self, number: int) -> None:
        with self._lock:
            self._size_bytes -= self._waiting.pop(number).size_bytes
            self._in_memory.pop(number, None)
