"""`radgate audit import-edge-log`: what an edge answered by itself, taken into the audit trail."""

import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from radgate_server.cli.audit.running import run_on_trail
from radgate_server.cli.shared.admin import caller_for
from radgate_server.cli.shared.options import config_option
from radgate_server.cli.shared.output import hint

if TYPE_CHECKING:
    from radgate_server.services.edge.log_import import EdgeLogImport, ImportCounts
    from radgate_server.settings.settings import Settings

_GZIP = b"\x1f\x8b"
_MOST_LINE = 64 << 10
"""A longer line is cut, and then none that can be read."""
_DAMAGED = (EOFError, gzip.BadGzipFile, zlib.error)


@click.command("import-edge-log")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@config_option
def import_edge_log(files: Sequence[Path]) -> None:
    """Record what the edge answered, from CloudFront's standard logs or nginx's, also compressed (.gz).

    Each access by a signed URL is a record of its tenant, in the name of whom the URL was signed for; a log that is
    read again adds nothing. The exit status is 1 when a line or file can't be read.
    """
    broken = False
    for path in files:
        log = _Log(path)
        counts = run_on_trail(_open, log.import_by)
        _report(path, counts, damaged=log.damaged)
        broken = broken or log.damaged or bool(counts.malformed)
    if broken:
        raise click.exceptions.Exit(1)


class _Log:
    """The lines of a log, as far as they can be read; `damaged` when that is not to its end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.damaged = False

    async def import_by(self, importing: "EdgeLogImport") -> "ImportCounts":
        """Have its lines taken into the trail."""
        return await importing.run(self._lines(), caller_for)

    def _lines(self) -> Iterator[str]:
        with self._path.open("rb") as file:
            compressed = file.read(len(_GZIP)) == _GZIP
            file.seek(0)
            stream = io.BufferedReader(gzip.GzipFile(fileobj=file)) if compressed else file
            try:
                while line := stream.readline(_MOST_LINE):
                    yield line.decode("utf-8", "replace")
            except _DAMAGED:
                self.damaged = True


def _open(settings: "Settings") -> "AbstractAsyncContextManager[EdgeLogImport]":
    # Only here: the whole server's imports would make `--help` slow.
    from radgate_server.installation.edge import open_edge_log_import

    return open_edge_log_import(settings)


def _report(path: Path, counts: "ImportCounts", *, damaged: bool) -> None:
    hint(
        f"{path}: recorded {counts.recorded} accesses; {counts.known} were known, {counts.foreign} are not of our URLs,"
        f" {counts.too_old} are too old, {counts.malformed} lines can't be read"
    )
    if counts.malformed_lines:
        hint(f"{path}: unreadable lines begin with {', '.join(map(str, counts.malformed_lines))}")
    if damaged:
        hint(f"{path}: the file is damaged, and was read as far as that goes; fetch it again")
