"""Erasing what is cached of studies: orders that outlive the process, and what a tier holds."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from radgate_server.core.audit.retention import HoldSubject


@dataclass(frozen=True, slots=True)
class ErasureOrder:
    """What is to be erased, by whose order and why. `subject` is STUDY or PATIENT.

    `after` is the number of the audit trail's newest record before the one of this order.
    """

    erasure_id: str
    tenant_id: str
    subject: HoldSubject
    value: str
    studies: tuple[str, ...]
    reason: str
    key_id: str
    principal: str
    role: str
    address: str
    user_agent: str
    request_id: str
    after: int


@dataclass(frozen=True, slots=True)
class ErasureProgress:
    """What was found and is erased or about to be: by tier (entries, bytes), and the names of the studies' keys.

    `counted` are the studies of which this is known.
    """

    tiers: dict[str, tuple[int, int]] = field(default_factory=dict)
    key_ids: tuple[str, ...] = ()
    counted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Erasure:
    """An order, how far it is, and its certificate, "" while it is not finished."""

    order: ErasureOrder
    create_time: datetime
    progress: ErasureProgress
    certificate: str


class ErasureRecords(Protocol):
    """Orders and their certificates. Raises DatabaseUnavailableError."""

    async def begin(self, erasure: Erasure, hold_ids: Collection[str]) -> bool:
        """Keep the order, unless other holds than `hold_ids` are in force for the tenant by now: False."""
        ...

    async def advance(self, erasure_id: str, progress: ErasureProgress) -> ErasureProgress:
        """Keep how far it is, and return that; to be called before what can't be found out any more afterwards.

        `progress` has counted one study more than before. If another server counted it first, what that one found
        stands, and is returned.
        """
        ...

    async def finish(self, erasure_id: str, certificate: str) -> str:
        """Keep the certificate unless there is one; return the one that is there then."""
        ...

    async def find(self, tenant_id: str, erasure_id: str) -> Erasure:
        """The tenant's. Raises ResourceNotFoundError."""
        ...

    async def list_erasures(self, tenant_id: str, limit: int | None) -> Sequence[Erasure]:
        """The tenant's, the newest first."""
        ...

    async def unfinished(self, before: datetime) -> Sequence[Erasure]:
        """Those of all tenants that were ordered before and have no certificate yet."""
        ...


@dataclass(frozen=True, slots=True)
class Held:
    """How much a tier holds of a study: files, or entries in memory."""

    entries: int
    used_bytes: int


class StudyTier(Protocol):
    """A tier that can report what it holds of one study."""

    async def held(self, tenant_id: str, study_instance_uid: str) -> Held:
        """Counted now: on the disk, not in what is remembered of it."""
        ...
