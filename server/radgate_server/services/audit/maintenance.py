"""Looks after the audit trail in the background: signs checkpoints that are due, and checks the newest records."""

import asyncio
import logging
from collections.abc import Sequence

from radgate_server.core.audit.chain import ChainHead
from radgate_server.core.audit.checkpoint import Checkpoint, is_due
from radgate_server.core.audit.ports.trail import AuditTrail, ChainTelemetry, CheckpointSigner
from radgate_server.core.audit.verification import ChainVerifier, Fault
from radgate_server.lib.clock import Clock
from radgate_server.services.audit.administration import checkpoint_issuer, first_of_each_tenant, time_us
from radgate_server.services.audit.following import follow_chains, own_check
from radgate_server.services.repeating import Repeating, Sleep
from radgate_server.settings.audit import AuditSettings

_log = logging.getLogger(__name__)


class AuditMaintenance(Repeating):
    """Every `audit.check_interval_s` seconds."""

    def __init__(
        self,
        trail: AuditTrail,
        signer: CheckpointSigner,
        settings: AuditSettings,
        clock: Clock,
        telemetry: ChainTelemetry,
        *,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        super().__init__(
            "audit-maintenance",
            interval_s=settings.check_interval_s,
            trouble="the audit trail can't be checked",
            sleep=sleep,
        )
        self._trail = trail
        self._signer = signer
        self._settings = settings
        self._clock = clock
        self._telemetry = telemetry
        self._seen: dict[str, ChainHead] = {}
        self._broken: dict[str, Fault] = {}

    async def look(self) -> None:
        """Check, and sign what is due. A chain that is broken gets no more checkpoints: they would vouch for it.

        Raises:
            DatabaseUnavailableError: the trail can't be read or written.
        """
        heads = await self._trail.heads()
        for fault in await self._check(heads):
            self._report(fault)
        last = {found.tenant_id: found for found in await self._trail.last_checkpoints()}
        for head in self._seen.values():  # also those that are gone
            signed = await self._sign(head, last.get(head.tenant_id))
            unsigned = head.sequence - (signed.sequence if signed else 0)
            self._telemetry.chain(head, broken=head.tenant_id in self._broken, unsigned=max(0, unsigned))
        self._telemetry.checked(self._clock.now().timestamp())

    async def _sign(self, head: ChainHead, last: Checkpoint | None) -> Checkpoint | None:
        """Make a checkpoint of the head if one is due; the tenant's last one then."""
        if head.tenant_id in self._broken or not self._is_due(head, last, time_us(self._clock)):
            return last
        issue = checkpoint_issuer(
            self._signer, self._clock, self._is_due
        )  # asks again: another server may have been faster
        return await self._trail.add_checkpoint(head.tenant_id, issue) or last

    async def _check(self, heads: Sequence[ChainHead]) -> Sequence[Fault]:
        """Follow the newest records of the trail, and see that no chain is shorter or other than it was."""
        verifier = ChainVerifier(own_check(self._signer), whole=False)
        upto = await self._trail.last_number()
        after = max(0, upto - self._settings.check_records)
        await follow_chains(self._trail, verifier, after=after, upto=upto)
        now = {head.tenant_id: head for head in heads}
        shorter = [
            Fault(seen.tenant_id, seen.sequence, "the chain is shorter than it was, or ends with another record")
            for seen in self._seen.values()
            if not _continues(seen, now.get(seen.tenant_id))
        ]
        self._seen = {**self._seen, **now}
        return first_of_each_tenant((*verifier.finish(heads), *shorter))

    def _is_due(self, head: ChainHead, last: Checkpoint | None, now_us: int) -> bool:
        settings = self._settings
        return is_due(head, last, now_us, records=settings.checkpoint_records, seconds=settings.checkpoint_interval_s)

    def _report(self, fault: Fault) -> None:
        """Once for each tenant. What was broken stays so until `radgate audit verify` has run."""
        if fault.tenant_id in self._broken:
            return
        self._broken[fault.tenant_id] = fault
        where = {"tenant": fault.tenant_id}
        _log.critical("the audit trail was tampered with, record %d: %s", fault.sequence, fault.what, extra=where)


def _continues(seen: ChainHead, now: ChainHead | None) -> bool:
    if now is None or now.sequence < seen.sequence:
        return False
    return now.sequence > seen.sequence or now.record_hash == seen.record_hash
