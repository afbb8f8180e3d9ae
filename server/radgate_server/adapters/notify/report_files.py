"""A report that goes out in one piece."""

from radgate_server.core.errors import NotDeliveredError
from radgate_server.core.ports.reports import MadeReport

MAX_BYTES = 20 << 20
"""Most mail servers take no more."""


def content_of(report: MadeReport) -> bytes:
    """Read the report. Blocks on the disk.

    Raises:
        NotDeliveredError: it is too large.
    """
    if report.path.stat().st_size > MAX_BYTES:
        raise NotDeliveredError(f"the report is larger than {MAX_BYTES >> 20} MiB; use a folder", passing=False)
    return report.path.read_bytes()
