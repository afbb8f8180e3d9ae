"""Of several server processes on one machine the first alone notifies of what all of them find alike."""

from collections.abc import Sequence
from datetime import UTC, datetime

from radgate_server.core.alerts.alert import Labels, Silence
from radgate_server.core.alerts.ports import SilenceBook

ALIKE: Sequence[tuple[str, Labels]] = (
    ("RadgateDiskFilling", ()),
    ("RadgateDiskFull", ()),
    ("RadgateNotReady", (("check", "disk"),)),
    ("RadgateNotReady", (("check", "data-dir"),)),
    ("RadgateCertificateExpiring", ()),
    ("RadgateCertificateExpired", ()),
    ("RadgateCertificateUnreadable", ()),
    ("RadgatePacsDown", ()),
    ("RadgatePacsOnBackup", ()),
)
"""Alerts about the disk, files of the machine, and PACS as each process probes them."""


class LeftToTheFirst:
    """SilenceBook of the other processes: they still find what is alike, by which other alerts are inhibited."""

    def __init__(self, asked_for: SilenceBook) -> None:
        self._asked_for = asked_for
        forever = datetime.max.replace(tzinfo=UTC)
        self._left = [Silence(name, name, labels, forever) for name, labels in ALIKE]

    def silences(self) -> Sequence[Silence]:
        """Those that operators ask for, and those of what the first process notifies of."""
        return [*self._asked_for.silences(), *self._left]
