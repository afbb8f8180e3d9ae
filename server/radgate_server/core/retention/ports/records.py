"""Where it is kept how long records are kept, and how they are erased. Everything raises DatabaseUnavailableError."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from radgate_server.core.audit.record import AuditEntry
from radgate_server.core.audit.retention import LegalHold, RecordKind
from radgate_server.core.audit.verification import StoredRecord


class RetentionRules(Protocol):
    """What tenants have in place of the installation's settings."""

    async def days(self, tenant_id: str) -> Mapping[RecordKind, int]:
        """For how many days the tenant's records are kept, of the kinds for which it has a rule."""
        ...

    async def set_days(self, tenant_id: str, kind: RecordKind, days: int | None) -> None:
        """Put the rule in place of the one that is there; None takes it away."""
        ...


class HoldDirectory(Protocol):
    """Legal holds. Released ones stay on record."""

    async def place(self, hold: LegalHold) -> None:
        """Add it. From its return on nothing that it keeps is erased."""
        ...

    async def release(self, tenant_id: str, hold_id: str, *, by: str, time: datetime, reason: str) -> LegalHold:
        """End it. Raises ResourceNotFoundError: the tenant has none of that id in force."""
        ...

    async def list_holds(self, tenant_id: str, *, released: bool = False) -> Sequence[LegalHold]:
        """Those of the tenant that are in force, with `released` all; the first placed first."""
        ...


type Declare = Callable[[Sequence[StoredRecord]], AuditEntry]
"""Makes the statement about these records, signed. It is called in a thread of the database's."""


class RecordEraser(Protocol):
    """Takes the bodies out of records of the audit trail."""

    async def studies_of(self, tenant_id: str, patient_ids: Collection[str]) -> Mapping[str, Collection[str]]:
        """The Study Instance UIDs that records name beside each of the patients."""
        ...

    async def erase(
        self, tenant_id: str, numbers: Sequence[int], hold_ids: Collection[str], declare: Declare
    ) -> int | None:
        """Take the bodies out of the tenant's records of these numbers, and continue with its chain by the statement.

        Both or nothing, and records that are erased already are ignored. Return how many were erased, or None when
        other holds than `hold_ids` are in force by now: nothing was erased.
        """
        ...

    async def scrub(self) -> None:
        """See that what was erased is in no file of the database any more, as far as that can be done from here."""
        ...
