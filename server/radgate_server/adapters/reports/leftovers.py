"""Reports that earlier versions left in the clear when they were killed: they made them in `data_dir/reports`."""

import logging
import os
import re
from pathlib import Path

_log = logging.getLogger(__name__)

_FOLDER = re.compile(r"report-[a-z0-9_]{8}")  # as tempfile names it
_REPORT = re.compile(r".+-\d{4}-\d\d-\d\d\.(csv|json|pdf)")


def remove_leftovers(data_dir: Path) -> None:
    """Remove them. What they certainly did not make stays, and so does what can't be removed: the log says so."""
    for folder in (data_dir / "reports").glob("report-*"):
        try:
            if _is_of_such_a_version(folder):
                for file in folder.iterdir():
                    file.unlink()
                folder.rmdir()
                _log.warning("a report that an earlier version left in the clear was removed from data_dir/reports")
        except OSError as error:
            why = os.strerror(error.errno or 0)
            _log.warning("a report left in the clear can't be removed from data_dir/reports: %s; remove it", why)


def _is_of_such_a_version(folder: Path) -> bool:
    """Whether it is a folder as they made them, with nothing but reports in it."""
    if not _FOLDER.fullmatch(folder.name) or folder.is_symlink() or not folder.is_dir():
        return False
    return all(_REPORT.fullmatch(file.name) and file.is_file() and not file.is_symlink() for file in folder.iterdir())
