"""Handing the audit trail on, continuously: who gets it, and how far each has got."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from radgate_server.core.audit.verification import StoredRecord


class Backlog(NamedTuple):
    """A tenant of whose chain a receiver lacks the newest part: up to `sequence`, at `number`, it has all."""

    tenant_id: str
    sequence: int
    number: int


class ExportPositions(Protocol):
    """How far each receiver has got, in the database. Everything raises DatabaseUnavailableError."""

    async def backlogs(self, receiver: str) -> Sequence[Backlog]:
        """The tenants of whom it lacks something."""
        ...

    async def claim(self, receiver: str, holder: str, now_s: float, until_s: float) -> bool:
        """Be the only one who sends to it until then (Unix time); False when another holder is that."""
        ...

    async def following(self, backlog: Backlog, limit: int) -> Sequence[StoredRecord]:
        """The next records of the tenant's chain, in order; fewer than there are, or none left."""
        ...

    async def advance(self, receiver: str, tenant_id: str, last: StoredRecord) -> None:
        """It has all up to that one."""
        ...


class RecordReceiver(Protocol):
    """Somebody else who keeps audit trails."""

    @property
    def name(self) -> str:
        """What settings, metrics and the database call it."""
        ...

    async def send(self, records: Sequence[StoredRecord]) -> None:
        """Send them in order. Raises NotDeliveredError: it has some of them, or none."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class ExportTelemetry(Protocol):
    """What is reported of exports."""

    def export_lag(self, receiver: str, lag_s: float) -> None:
        """For how long the oldest record has waited that the receiver lacks, 0 for none."""
        ...

    def exported(self, receiver: str, records: int) -> None:
        """So many more were sent."""
        ...

    def export_failed(self, receiver: str) -> None:
        """An attempt failed; there will be another."""
        ...
