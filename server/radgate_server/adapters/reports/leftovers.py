"""Reports that earlier versions left in the clear when they were killed: they made them in `data_dir/reports`."""

import logging
import os
import re
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

_log = logging.getLogger(__name__)

_FOLDER = re.compile(r"report-[a-z0-9_]{8}")  # as tempfile names it
_REPORT = re.compile(r".+-\d{4}-\d\d-\d\d\.(csv|json|pdf)")


def remove_leftovers(data_dir: Path, receivers: Iterable[Path]) -> None:
    """Remove them.

    What they certainly did not make stays, and so does what has to do with a folder of `receivers`: delivered reports.
    What can't be removed stays as well: the log says so.
    """
    kept = [folder.resolve() for folder in receivers]
    for folder in (data_dir / "reports").glob("report-*"):
        try:
            if _may_be_theirs(folder, kept):
                _remove_if_theirs(folder)
        except OSError as error:
            why = os.strerror(error.errno or 0)
            _log.warning("a report left in the clear can't be removed from data_dir/reports: %s; remove it", why)


def _may_be_theirs(folder: Path, kept: Iterable[Path]) -> bool:
    """Whether it is a folder as they made them, and neither is, holds nor lies in one of `kept`, which are resolved."""
    if not _FOLDER.fullmatch(folder.name) or folder.is_symlink() or not folder.is_dir():
        return False
    place = folder.resolve()
    return not any(place.is_relative_to(other) or other.is_relative_to(place) for other in kept)


def _remove_if_theirs(folder: Path) -> None:
    """Remove it with its report, if they wrote one, unless it holds something else: each was made for one report."""
    files = list(islice(folder.iterdir(), 2))
    if len(files) > 1 or not all(map(_is_report, files)):
        return
    for file in files:
        file.unlink()
    folder.rmdir()
    _log.warning("a report that an earlier version left in the clear was removed from data_dir/reports")


def _is_report(file: Path) -> bool:
    return bool(_REPORT.fullmatch(file.name)) and file.is_file() and not file.is_symlink()
