"""Reports into a folder."""

import asyncio
import os
import shutil
from contextlib import suppress
from pathlib import Path

from radgate_server.core.errors import NotDeliveredError
from radgate_server.core.ports.reports import MadeReport
from radgate_server.report_settings import FolderReportReceiver


class FolderReportSender:
    """ReportSender by a file of the report's name, which replaces an earlier one."""

    def __init__(self, receiver: FolderReportReceiver) -> None:
        self._folder = receiver.folder

    async def deliver(self, report: MadeReport) -> None:
        """Copy the report, whole or not at all. Raises NotDeliveredError."""
        await asyncio.to_thread(self._copy, report)

    def _copy(self, report: MadeReport) -> None:
        part = self._folder / f".{report.file_name}.part"
        try:
            _copy_and_sync(report.path, part)
            part.replace(self._folder / report.file_name)
        except OSError as error:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            why = os.strerror(error.errno or 0)
            raise NotDeliveredError(f"the folder can't be written: {why}", passing=True) from None


def _copy_and_sync(source: Path, target: Path) -> None:
    """Copy for the owner's eyes only, and have it on the disk."""
    target.touch(0o600)
    with source.open("rb") as read, target.open("wb") as write:
        shutil.copyfileobj(read, write)
        write.flush()
        os.fsync(write.fileno())
