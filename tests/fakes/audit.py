"""An audit trail that only remembers."""

from radgate_server.core.audit.record import AuditAction, AuditEntry, AuditOutcome
from radgate_server.core.errors import AuditUnavailableError


class RecordingAuditSink:
    """AuditSink in memory. Set `broken` to have it refuse, as a full disk would.

    `sent` are the second records, of what was sent in the end.
    """

    def __init__(self) -> None:
        self.entries: list[AuditEntry] = []
        self.sent: list[AuditEntry] = []
        self.broken = False

    @property
    def actions(self) -> list[AuditAction]:
        """What was done, in order."""
        return [entry.action for entry in self.entries]

    async def record(self, entry: AuditEntry) -> None:
        if self.broken:
            raise AuditUnavailableError("the access could not be recorded")
        is_second = entry.outcome in (AuditOutcome.DELIVERED, AuditOutcome.INTERRUPTED)
        (self.sent if is_second else self.entries).append(entry)

    async def settle(self) -> None:
        """Everything is where it is read at once."""
