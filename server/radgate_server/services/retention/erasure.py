"""Erases what is cached of a study or a patient, everywhere, and certifies it. Survives a kill at any moment.

An order is kept in the database before anything is done, and what is found is kept before it is erased. First the key
goes, so that files are unreadable from then on, then the files and what is in memory.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from radgate_server.core.access.tenancy import Caller
from radgate_server.core.audit.chain import WORDS
from radgate_server.core.audit.ports.trail import AuditSink, AuditTrail, CheckpointSigner
from radgate_server.core.audit.record import AuditAction
from radgate_server.core.audit.retention import HoldSubject, LegalHold
from radgate_server.core.audit.verification import StoredRecord
from radgate_server.core.cache.ports.keys import CacheKeyRecords
from radgate_server.core.dicom.identifiers import parse_uid
from radgate_server.core.errors import AuditUnavailableError, InvalidArgumentError, LegalHoldError
from radgate_server.core.quarantine.ports import Quarantine
from radgate_server.core.retention.ports.erasure import (
    Erasure,
    ErasureOrder,
    ErasureProgress,
    ErasureRecords,
    StudyTier,
)
from radgate_server.core.retention.ports.records import HoldDirectory, RecordEraser
from radgate_server.lib.clock import Clock
from radgate_server.services.acting import acting_tenant
from radgate_server.services.cache.invalidation import SharedInvalidation
from radgate_server.services.quarantine.storing import TIER
from radgate_server.services.retention.orders import certificate_of, detail_of, entry_of
from radgate_server.services.retention.rules import MAX_TEXT, checked_reason

_ID_BYTES = 8
_TRIES = 3


@dataclass(frozen=True, slots=True)
class ErasureStore:
    """What the database holds of erasures, and of what may be erased: keys, holds, and what records name."""

    records: ErasureRecords
    keys: CacheKeyRecords
    holds: HoldDirectory
    links: RecordEraser


@dataclass(frozen=True, slots=True)
class CachedData:
    """What is erased. `tiers` are those of this process by name; `encrypted` says whether files are encrypted."""

    caches: SharedInvalidation
    tiers: Mapping[str, StudyTier]
    quarantine: Quarantine
    encrypted: bool


class CacheEraser:
    """EraseCachedData."""

    def __init__(
        self,
        store: ErasureStore,
        cached: CachedData,
        *,
        trail: AuditTrail,
        audit: AuditSink,
        signer: CheckpointSigner,
        clock: Clock,
    ) -> None:
        self._records = store.records
        self._keys = store.keys
        self._holds = store.holds
        self._links = store.links
        self._trail = trail
        self._audit = audit
        self._signer = signer
        self._caches = cached.caches
        self._tiers = {**cached.tiers, TIER: cached.quarantine}
        self._quarantine = cached.quarantine
        self._encrypted = cached.encrypted
        self._clock = clock

    async def erase(self, caller: Caller, subject: HoldSubject, value: str, reason: str) -> Erasure:
        """Erase it all and certify it; returns when that is done.

        Raises:
            LegalHoldError: something of it is held; what was begun before continues when the hold is released.
            AuditUnavailableError, DatabaseUnavailableError: if the order was kept, it is carried out later.
        """
        order = await self._order(caller, subject, _checked(subject, value), checked_reason(reason))
        for _ in range(_TRIES):
            holds = await self._holds.list_holds(order.tenant_id)
            await self._insist_on_no_hold(order, holds)
            erasure = Erasure(order, self._clock.now(), ErasureProgress(), "")
            if await self._records.begin(erasure, [hold.hold_id for hold in holds]):
                return await self.carry_out(erasure)
        raise LegalHoldError("legal holds are being placed and released just now; try again", hold_id="")

    async def carry_out(self, erasure: Erasure) -> Erasure:
        """Do what was ordered, or what is left of it. Raises like `erase`: a hold may have come since."""
        order, progress = erasure.order, erasure.progress
        if len(progress.counted) < len(order.studies):
            await self._insist_on_no_hold(order, await self._holds.list_holds(order.tenant_id))
        record = await self._recorded(order)
        for study in order.studies:
            progress = await self._erase(order, study, progress)
        draft = certificate_of(
            erasure, progress, record, self._clock.now(), key_id=self._signer.key_id, encrypted=self._encrypted
        )
        certificate = draft.signed(self._signer.sign(draft.signed_form)).to_text()
        return replace(
            erasure, progress=progress, certificate=await self._records.finish(order.erasure_id, certificate)
        )

    async def find(self, caller: Caller, erasure_id: str) -> Erasure:
        """One of the caller's tenant. Raises ResourceNotFoundError."""
        return await self._records.find(acting_tenant(caller), erasure_id)

    async def list_erasures(self, caller: Caller, limit: int | None = None) -> Sequence[Erasure]:
        """The newest `limit` of the caller's tenant, or all, the newest first."""
        return await self._records.list_erasures(acting_tenant(caller), limit)

    async def _order(self, caller: Caller, subject: HoldSubject, value: str, reason: str) -> ErasureOrder:
        tenant_id = acting_tenant(caller)
        studies = {value} if subject is HoldSubject.STUDY else await self._studies_of(tenant_id, value)
        return ErasureOrder(
            erasure_id=secrets.token_hex(_ID_BYTES),
            tenant_id=tenant_id,
            subject=subject,
            value=value,
            studies=tuple(sorted(studies)),
            reason=reason,
            key_id=caller.principal.key_id,
            principal=caller.principal.name,
            role=caller.principal.role.name.lower(),
            address=caller.address,
            user_agent=caller.user_agent,
            request_id=caller.request_id,
            after=await self._trail.last_number(),
        )

    async def _studies_of(self, tenant_id: str, patient_id: str) -> set[str]:
        """The patient's studies, as what was cached, what was refused and what was accessed show."""
        await self._audit.settle()
        keys = await self._keys.keys_of_patient(tenant_id, patient_id)
        named = await self._links.studies_of(tenant_id, [patient_id])
        refused = [entry.refused for entry in await self._quarantine.list_entries(tenant_id)]
        return {
            *(key.study_instance_uid for key in keys),
            *named.get(patient_id, ()),
            *(study for one in refused for study in one.studies_of(patient_id)),
        }

    async def _insist_on_no_hold(self, order: ErasureOrder, holds: Sequence[LegalHold]) -> None:
        """Raises LegalHoldError."""
        for hold in holds:
            match hold.subject:
                case HoldSubject.TENANT:
                    held = True
                case HoldSubject.STUDY:
                    held = hold.value in order.studies
                case HoldSubject.PATIENT:
                    theirs = await self._studies_of(order.tenant_id, hold.value)
                    held = hold.value == order.value or not theirs.isdisjoint(order.studies)
                case HoldSubject.USER:
                    held = False  # what somebody did is in the audit trail, not in the cache
            if held:
                raise LegalHoldError(f"legal hold {hold.hold_id} keeps it; release that first", hold_id=hold.hold_id)

    async def _erase(self, order: ErasureOrder, study: str, progress: ErasureProgress) -> ErasureProgress:
        tenant_id = order.tenant_id
        keys = await self._keys.keys_of_study(tenant_id, study)
        if study not in progress.counted:
            progress = await self._counted(tenant_id, study, progress, [key.key_id for key in keys])
            progress = await self._records.advance(order.erasure_id, progress)
        await self._keys.remove_study_keys(tenant_id, [key.study for key in keys])
        await self._caches.erase(tenant_id, study)
        return progress

    async def _counted(
        self, tenant_id: str, study: str, progress: ErasureProgress, key_ids: Sequence[str]
    ) -> ErasureProgress:
        """With what the tiers hold of one more study."""
        tiers = dict(progress.tiers)
        for name, tier in self._tiers.items():
            held, (entries, used_bytes) = await tier.held(tenant_id, study), tiers.get(name, (0, 0))
            tiers[name] = (entries + held.entries, used_bytes + held.used_bytes)
        return ErasureProgress(tiers, (*progress.key_ids, *key_ids), (*progress.counted, study))

    async def _recorded(self, order: ErasureOrder) -> StoredRecord:
        """The record of the order in the audit trail, made now if there is none."""
        await self._audit.settle()  # it may be in transit since an earlier try
        if (found := await self._find_record(order)) is None:
            await self._audit.record(entry_of(order, self._clock.now()))
            await self._audit.settle()
            found = await self._find_record(order)
        if found is None:
            raise AuditUnavailableError("the order waits for the audit trail, and is carried out after that")
        return found

    async def _find_record(self, order: ErasureOrder) -> StoredRecord | None:
        found: list[StoredRecord] = []
        detail, place = detail_of(order), WORDS.index("detail")
        action = WORDS.index("action")

        def visit(rows: Sequence[StoredRecord]) -> None:
            found.extend(
                row for row in rows if row.words[action] == AuditAction.ERASE_CACHED and row.words[place] == detail
            )

        last = await self._trail.last_number()
        await self._trail.scan(visit, tenant_id=order.tenant_id, after=order.after, upto=last)
        return found[0] if found else None


def _checked(subject: HoldSubject, value: str) -> str:
    if subject is HoldSubject.STUDY:
        return parse_uid(value, "study_instance_uid")
    if subject is not HoldSubject.PATIENT:
        raise InvalidArgumentError("subject", "must be a study or a patient")
    if not value or len(value) > MAX_TEXT or not value.isprintable():
        raise InvalidArgumentError("patient_id", f"1 to {MAX_TEXT} printable characters")
    return value
