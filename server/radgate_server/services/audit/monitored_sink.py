"""Counts accesses that could not be recorded, and remembers whether that is so now."""

from radgate_server.core.audit.ports.trail import AuditSink
from radgate_server.core.audit.record import AuditEntry
from radgate_server.core.errors import AuditUnavailableError
from radgate_server.core.telemetry.ports import Telemetry
from radgate_server.core.telemetry.tracing import span
from radgate_server.lib.clock import Clock

FRESH_S = 30.0
"""A failure says this long that the trail can't be written: without calls, nobody would find that it can be again."""


class MonitoredAuditSink:
    """AuditSink that passes everything on to another."""

    def __init__(self, sink: AuditSink, clock: Clock, telemetry: Telemetry) -> None:
        self._sink = sink
        self._clock = clock
        self._telemetry = telemetry
        self._failed_s: float | None = None

    async def record(self, entry: AuditEntry) -> None:
        """Record the access.

        Raises:
            AuditUnavailableError: it could not be recorded.
        """
        try:
            with span("audit"):
                await self._sink.record(entry)
        except AuditUnavailableError:
            self._failed_s = self._clock.monotonic_s()
            self._telemetry.audit_failed()
            raise
        self._failed_s = None

    async def settle(self) -> None:
        """Return when what was recorded before is in the database. Raises DatabaseUnavailableError."""
        await self._sink.settle()

    async def problem(self) -> str:
        """What is wrong with the trail as far as the last record reported, "" when nothing is."""
        if self._failed_s is None or self._clock.monotonic_s() - self._failed_s > FRESH_S:
            return ""
        return "the audit trail can't be written; see that the database works and its disk has room"
