"""Writing reports, and handing them to whoever wants them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from radgate_server.core.dicom.instances import InstanceContent
from radgate_server.core.reports.spec import ReportFormat, ReportHead
from radgate_server.core.reports.tables import Row, Table


class ReportWriter(Protocol):
    """Writes one report. What its methods return, one after the other, is the document; they may take long."""

    def begin(self, head: ReportHead, columns: tuple[str, ...]) -> bytes:
        """Begin the report, whose rows have these columns."""
        ...

    def rows(self, rows: Sequence[Row]) -> bytes:
        """Write some more rows."""
        ...

    def end(self, summary: Table | None, notes: Sequence[str]) -> bytes:
        """End it with a summary, if it has one, and with what is to be said of the whole."""
        ...


type ReportWriters = dict[ReportFormat, Callable[[], ReportWriter]]
"""How a writer of each format is made."""


@dataclass(frozen=True, slots=True)
class MadeReport:
    """A report, under the name that its receivers see; the name holds no patient data.

    `content` is the document; once the report was delivered or given up, its pieces may raise OSError.
    """

    title: str
    file_name: str
    content_type: str
    content: InstanceContent


class ReportSender(Protocol):
    """Hands reports to one receiver: a mailbox, a web service, a folder."""

    async def deliver(self, report: MadeReport) -> None:
        """Hand it over. Raises NotDeliveredError."""
        ...
