"""Reports into a folder."""

import asyncio
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from threading import Lock

from radgate_server.adapters.notify.reports.files import pieces_of
from radgate_server.core.errors import NotDeliveredError
from radgate_server.core.reports.ports.delivery import MadeReport
from radgate_server.settings.reports import FolderReportReceiver


class FolderReportSender:
    """ReportSender by a file of the report's name, which replaces an earlier one."""

    def __init__(self, receiver: FolderReportReceiver) -> None:
        self._folder = receiver.folder
        self._writing = Lock()

    async def deliver(self, report: MadeReport) -> None:
        """Copy the report, whole or not at all. Raises NotDeliveredError.

        A thread that hangs in a file system can't be ended: the folder has no more than that one, and takes nothing
        until it is done.
        """
        await asyncio.to_thread(self._copy_alone, report)

    def _copy_alone(self, report: MadeReport) -> None:
        if not self._writing.acquire(blocking=False):
            raise NotDeliveredError("the folder hangs: an earlier report is still being written", passing=True)
        try:
            self._copy(report)
        finally:
            self._writing.release()

    def _copy(self, report: MadeReport) -> None:
        part = self._folder / f".{report.file_name}.part"
        try:
            _write_and_sync(pieces_of(report), part)
            part.replace(self._folder / report.file_name)
        except OSError as error:
            why = os.strerror(error.errno or 0)
            raise NotDeliveredError(f"the folder can't be written: {why}", passing=True) from None
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)


def _write_and_sync(pieces: Iterable[bytes | memoryview], target: Path) -> None:
    """Write for the owner's eyes only, and have it on the disk."""
    target.touch(0o600)
    with target.open("wb") as file:
        file.writelines(pieces)
        file.flush()
        os.fsync(file.fileno())
