"""What a report holds, for those who hand it over."""

from collections.abc import Iterator

from radgate_server.core.errors import NotDeliveredError
from radgate_server.core.reports.ports.delivery import MadeReport

MAX_BYTES = 20 << 20
"""Most mail servers take no more."""
_PIECE_BYTES = 256 << 10


def content_of(report: MadeReport) -> bytes:
    """Read the report in one piece. Blocks on the disk.

    Raises:
        NotDeliveredError: it is too large, or can't be read.
    """
    if report.content.size_bytes > MAX_BYTES:
        raise NotDeliveredError(f"the report is larger than {MAX_BYTES >> 20} MiB; use a folder", passing=False)
    return b"".join(pieces_of(report))


def pieces_of(report: MadeReport) -> Iterator[bytes | memoryview]:
    """Read the report piece by piece. Blocks on the disk.

    Raises:
        NotDeliveredError: it can't be read.
    """
    try:
        yield from report.content.pieces(_PIECE_BYTES)
    except OSError as error:
        raise NotDeliveredError(f"the report can't be read: {error.strerror or error}", passing=True) from None
