"""Reading a folder of DICOM files with a progress bar."""

import os
import sys
from pathlib import Path

import click

from radgate_server.core.errors import ConfigurationError


async def scan_with_progress(path: Path) -> str:
    """Read the headers of all files; return what was found, in words.

    Raises:
        ConfigurationError: the folder can't be read, or holds no DICOM instance.
    """
    from radgate_server.adapters.pacs.folder import index_folder

    with click.progressbar(length=1, label="Reading DICOM headers", file=sys.stderr, show_pos=True) as bar:

        def progress(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        try:
            index = await index_folder(path, progress)
            snapshot = await index.snapshot()
        except OSError as error:
            raise ConfigurationError(f"can't read the folder: {os.strerror(error.errno or 0)}") from None
    await index.close()
    if not len(snapshot.holdings):
        raise ConfigurationError("the folder holds no DICOM instance; --no-index adds it all the same")
    left_out = {
        "copies": snapshot.holdings.duplicates,
        "broken": snapshot.unreadable,
        "not DICOM": snapshot.not_dicom,
    }
    notes = ", ".join(f"{count} {reason}" for reason, count in left_out.items() if count)
    return f"{len(snapshot.holdings)} instances" + (f"; files left out: {notes}" if notes else "")
