"""Checking, vouching for, and handing out the audit trail."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from radgate_server.core.access.tenancy import Caller
from radgate_server.core.audit.chain import ChainHead
from radgate_server.core.audit.checkpoint import Check, Checkpoint, follow
from radgate_server.core.audit.checkpoint_verification import (
    not_excluded,
    verify_checkpoints,
    verify_links,
    verify_lost,
)
from radgate_server.core.audit.ports.records import AuditRecords
from radgate_server.core.audit.ports.trail import AuditTrail, CheckpointSigner, IssueCheckpoint, Visit
from radgate_server.core.audit.record import AuditAction
from radgate_server.core.audit.search import IndexFault
from radgate_server.core.audit.verification import ChainVerifier, Fault, StoredRecord
from radgate_server.core.errors import ResourceNotFoundError
from radgate_server.lib.clock import Clock
from radgate_server.services.audit.following import follow_chains
from radgate_server.services.audit.index_check import compare_index, rebuild_index
from radgate_server.services.audit.recording import Auditor

type IsWanted = Callable[[ChainHead, Checkpoint | None, int], bool]
"""(head, last checkpoint, now in microseconds): whether to make another one."""

type Progress = Callable[[int, int], None]
"""(numbers looked at, numbers in all)."""


NOTHING_RECORDED = "nothing has been recorded for a tenant of that name"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was looked at, and the first fault of each tenant. `erased` of the records were erased lawfully.

    `index_faults` say where searches may miss records; `not_excluded` is what can't be determined from it.
    """

    records: int
    erased: int
    checkpoints: int
    faults: tuple[Fault, ...]
    index_faults: tuple[IndexFault, ...] = ()
    not_excluded: str = ""


class AuditAdmin:
    """The audit trail as administrators and auditors use it."""

    def __init__(
        self, trail: AuditTrail, records: AuditRecords, signer: CheckpointSigner, auditor: Auditor, clock: Clock
    ) -> None:
        self._trail = trail
        self._records = records
        self._signer = signer
        self._auditor = auditor
        self._clock = clock

    @property
    def public_key_pem(self) -> str:
        """The key that checkpoints are signed with."""
        return self._signer.public_key_pem

    async def verify(
        self,
        tenant_id: str | None,
        kept: Sequence[Checkpoint],
        check: Check,
        progress: Progress = lambda _done, _total: None,
    ) -> Verdict:
        """Follow the chain of the tenant, or of all, against the database's checkpoints and those `kept` elsewhere.

        The index is made once more from the records, and compared with what is stored.

        Raises:
            DatabaseUnavailableError: the trail can't be read.
        """
        kept = [found for found in kept if tenant_id in (None, found.tenant_id)]
        own = await self._trail.checkpoints(tenant_id)
        heads = [head for head in await self._trail.heads() if tenant_id in (None, head.tenant_id)]
        good = [found for found in (*own, *kept) if check(found.key_id, found.signed_form, found.signature)]
        verifier = ChainVerifier(check, good)
        upto = await self._trail.last_number()

        def visit(rows: Sequence[StoredRecord]) -> None:
            verifier.take(rows)
            if rows:
                progress(rows[-1].number, 2 * upto)

        await follow_chains(self._trail, verifier, tenant_id=tenant_id, upto=upto, visit=visit)
        index_faults = await compare_index(
            self._records, tenant_id, upto=upto, progress=lambda number: progress(upto + number, 2 * upto)
        )
        faults = (
            *verifier.finish(heads),
            *verify_checkpoints((*own, *kept), check),
            *verify_links(own),
            *verify_lost(own, kept),
        )
        return Verdict(
            verifier.records,
            verifier.erased,
            len(own) + len(kept),
            first_of_each_tenant(faults),
            index_faults,
            not_excluded(heads, kept),
        )

    async def rebuild_index(self, caller: Caller) -> None:
        """Make the index of the caller's tenant again. That is recorded.

        Raises:
            AuditUnavailableError: it could not be recorded.
            DatabaseUnavailableError: the trail can't be read, or the index not written.
        """
        await self._auditor.record(caller, AuditAction.CONFIGURE, detail="rebuild the index of the audit trail")
        await rebuild_index(self._records, caller.tenant_id)

    async def tenants(self) -> Sequence[str]:
        """Those that have a chain."""
        return [head.tenant_id for head in await self._trail.heads()]

    async def checkpoint(self, tenant_id: str) -> Checkpoint:
        """Vouch for the tenant's chain as it is now.

        Raises:
            ResourceNotFoundError: nothing has been recorded for the tenant.
            DatabaseUnavailableError: the trail can't be read or written.
        """
        await self._auditor.settle()
        made = await self._trail.add_checkpoint(tenant_id, checkpoint_issuer(self._signer, self._clock))
        if made is None:
            raise ResourceNotFoundError(NOTHING_RECORDED)
        return made

    async def checkpoints(self, tenant_id: str | None) -> Sequence[Checkpoint]:
        """All checkpoints of the tenant, or of all."""
        return await self._trail.checkpoints(tenant_id)

    async def export(self, caller: Caller, visit: Visit) -> None:
        """Show all records of the caller's tenant; that is recorded first, being the last one shown.

        Raises:
            AuditUnavailableError: it could not be recorded.
            DatabaseUnavailableError: the trail can't be read.
        """
        await self._auditor.record_reading(caller, AuditAction.EXPORT_AUDIT)
        await self._trail.scan(visit, tenant_id=caller.tenant_id, upto=await self._trail.last_number())


def checkpoint_issuer(signer: CheckpointSigner, clock: Clock, is_wanted: IsWanted | None = None) -> IssueCheckpoint:
    """What makes signed checkpoints, of heads that `is_wanted` (all that have a record)."""

    def issue(head: ChainHead, last: Checkpoint | None) -> Checkpoint | None:
        now_us = time_us(clock)
        if head.sequence == 0 or (is_wanted is not None and not is_wanted(head, last, now_us)):
            return None
        draft = follow(head, last, now_us, signer.key_id)
        return replace(draft, signature=signer.sign(draft.signed_form))

    return issue


def first_of_each_tenant(faults: Iterable[Fault]) -> tuple[Fault, ...]:
    """The fault with the lowest sequence of each tenant, by tenant."""
    first: dict[str, Fault] = {}
    for fault in sorted(faults, key=lambda fault: fault[:2]):
        first.setdefault(fault.tenant_id, fault)
    return tuple(first.values())


def time_us(clock: Clock) -> int:
    """Now, in microseconds since 1970."""
    return round(clock.now().timestamp() * 1_000_000)
