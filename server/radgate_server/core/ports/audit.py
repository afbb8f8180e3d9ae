"""Where accesses are recorded."""

from typing import Protocol

from radgate_server.core.audit import AuditEntry


class AuditSink(Protocol):
    """The audit trail's writing end."""

    async def record(self, entry: AuditEntry) -> None:
        """Record the access; returns when it is committed, and only then may its first byte leave.

        Raises:
            AuditUnavailableError: it could not be recorded.
        """
        ...
