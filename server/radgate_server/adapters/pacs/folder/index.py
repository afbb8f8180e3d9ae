"""The index of a directory tree, in memory, made when first needed and kept up to date."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path

from radgate_server.adapters.pacs.folder.scan import Progress, Snapshot, has_changed, scan

CHECK_INTERVAL_S = 3.0
"""A change in the tree is noticed at the first use after this many seconds."""


class FolderIndex:
    """What lies below `root`. All users share one scan; a user that gives up waiting does not stop it."""

    def __init__(
        self, root: Path, progress: Progress | None = None, monotonic_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._root = root
        self._progress = progress or (lambda _done, _total: None)
        self._monotonic_s = monotonic_s
        self._snapshot: Snapshot | None = None
        self._checked_s = float("-inf")
        self._is_valid = True
        self._refresh: asyncio.Task[Snapshot] | None = None
        self._stopped = threading.Event()

    async def snapshot(self) -> Snapshot:
        """What the tree holds now, or held some seconds ago.

        Raises:
            OSError: the directory is not there or can't be read.
        """
        if self._snapshot is not None and self._monotonic_s() - self._checked_s < CHECK_INTERVAL_S:
            return self._snapshot
        if self._refresh is None:
            self._refresh = asyncio.create_task(asyncio.to_thread(self._scan_if_changed), name="folder-scan")
            self._refresh.add_done_callback(self._take)
        return await asyncio.shield(self._refresh)

    def expire(self) -> None:
        """Look for changes at the next use, however soon that is."""
        self._checked_s = float("-inf")

    def invalidate(self) -> None:
        """Scan at the next use: a file was seen to differ from what the index says of it."""
        self._is_valid = False
        self.expire()

    async def close(self) -> None:
        """Stop a scan that is in progress."""
        self._stopped.set()
        if self._refresh is not None:
            with contextlib.suppress(OSError):
                await self._refresh

    def _take(self, refresh: asyncio.Task[Snapshot]) -> None:
        self._refresh = None
        if not refresh.cancelled() and refresh.exception() is None:
            self._snapshot = refresh.result()
            self._checked_s = self._monotonic_s()

    def _scan_if_changed(self) -> Snapshot:
        snapshot, is_valid = self._snapshot, self._is_valid
        if snapshot is not None and is_valid and not has_changed(self._root, snapshot):
            return snapshot
        self._is_valid = True
        return scan(self._root, snapshot, self._progress, self._stopped.is_set)


async def index_folder(path: Path, progress: Progress) -> FolderIndex:
    """Index a directory tree now, reporting `progress` of each file; `build_folder_pacs` takes the result.

    Raises:
        OSError: the directory is not there or can't be read.
    """
    index = FolderIndex(path, progress)
    await index.snapshot()
    return index
