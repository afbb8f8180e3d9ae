"""An audit trail that only remembers."""

from radgate_server.core.audit import AuditAction, AuditEntry
from radgate_server.core.errors import AuditUnavailableError


class RecordingAuditSink:
    """AuditSink in memory. Set `broken` to have it refuse, as a full disk would."""

    def __init__(self) -> None:
        self.entries: list[AuditEntry] = []
        self.broken = False

    @property
    def actions(self) -> list[AuditAction]:
        """What was done, in order."""
        return [entry.action for entry in self.entries]

    async def record(self, entry: AuditEntry) -> None:
        if self.broken:
            raise AuditUnavailableError("the access could not be recorded")
        self.entries.append(entry)
