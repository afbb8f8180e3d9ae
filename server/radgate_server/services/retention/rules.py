"""How long a tenant's records are kept, and what legal holds keep longer: what administrators say about it."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from radgate_server.core.access.tenancy import Caller
from radgate_server.core.audit.record import AuditAction
from radgate_server.core.audit.retention import FOR_EVER, HoldSubject, LegalHold, RecordKind
from radgate_server.core.dicom.identifiers import RetrieveScope, parse_uid
from radgate_server.core.errors import InvalidArgumentError, RetentionTooShortError
from radgate_server.core.retention.ports.records import HoldDirectory, RetentionRules
from radgate_server.lib.clock import Clock
from radgate_server.services.acting import acting_tenant
from radgate_server.services.audit.recording import AuditedPatient, Auditor
from radgate_server.settings.retention import RetentionSettings

MAX_TEXT = 500
MAX_DAYS = 36_500
_HOLD_ID_BYTES = 8


@dataclass(frozen=True, slots=True)
class RetentionPeriod:
    """For how many days records of a kind are kept (FOR_EVER: permanently); `own` if the tenant's own rule says so."""

    kind: RecordKind
    days: int
    own: bool


class RetentionAdmin:
    """Rules and holds of the caller's tenant. Every change is recorded before it is made."""

    def __init__(
        self, rules: RetentionRules, holds: HoldDirectory, settings: RetentionSettings, auditor: Auditor, clock: Clock
    ) -> None:
        self._rules = rules
        self._holds = holds
        self._settings = settings
        self._auditor = auditor
        self._clock = clock

    @property
    def least_days(self) -> int:
        """No rule may be shorter."""
        return self._settings.least_days

    async def show(self, caller: Caller) -> Sequence[RetentionPeriod]:
        """How long records of each kind are kept."""
        own = await self._rules.days(acting_tenant(caller))
        kept = kept_days(self._settings, own)
        return [RetentionPeriod(kind, days, kind in own) for kind, days in kept.items()]

    async def set_days(self, caller: Caller, kind: RecordKind, days: int | None) -> Sequence[RetentionPeriod]:
        """Give the tenant a rule for a kind, or with None the installation's again; return all then.

        Raises:
            RetentionTooShortError: the installation keeps records longer.
        """
        tenant_id = acting_tenant(caller)
        if days is not None and not 0 <= days <= MAX_DAYS:
            raise InvalidArgumentError("days", f"must be from 0 (without an end) to {MAX_DAYS}")
        if days is not None and FOR_EVER < days < self.least_days:
            raise RetentionTooShortError(
                f"records are kept for {self.least_days} days at least (setting retention.least_days)",
                least_days=str(self.least_days),
            )
        period = "as the installation does" if days is None else f"for {days} days" if days else "permanently"
        await self._auditor.record(caller, AuditAction.CONFIGURE, detail=f"keep {kind} records {period}")
        await self._rules.set_days(tenant_id, kind, days)
        return await self.show(caller)

    async def place(self, caller: Caller, subject: HoldSubject, value: str, reason: str) -> LegalHold:
        """Keep what concerns the subject until the hold is released."""
        hold = LegalHold(
            hold_id=secrets.token_hex(_HOLD_ID_BYTES),
            tenant_id=acting_tenant(caller),
            subject=subject,
            value=_checked_value(subject, value),
            reason=checked_reason(reason),
            placed_by=caller.principal.key_id,
            place_time=self._clock.now(),
        )
        await self._record(caller, hold, f"place legal hold {hold.hold_id} on {subject}: {hold.reason}")
        await self._holds.place(hold)
        return hold

    async def release(self, caller: Caller, hold_id: str, reason: str) -> LegalHold:
        """End the hold. Raises ResourceNotFoundError: the tenant has none of that id in force."""
        detail = f"release legal hold {hold_id[: 2 * _HOLD_ID_BYTES]}: {checked_reason(reason)}"
        await self._auditor.record(caller, AuditAction.CONFIGURE, detail=detail)
        return await self._holds.release(
            acting_tenant(caller), hold_id, by=caller.principal.key_id, time=self._clock.now(), reason=reason
        )

    async def list_holds(self, caller: Caller, *, released: bool) -> Sequence[LegalHold]:
        """Those in force, with `released` all, the first placed first."""
        return await self._holds.list_holds(acting_tenant(caller), released=released)

    async def _record(self, caller: Caller, hold: LegalHold, detail: str) -> None:
        scope = RetrieveScope(hold.value) if hold.subject is HoldSubject.STUDY else None
        patient_id = hold.value if hold.subject is HoldSubject.PATIENT else ""
        await self._auditor.record(caller, AuditAction.CONFIGURE, scope, detail, patient=AuditedPatient(patient_id))


def kept_days(settings: RetentionSettings, own: Mapping[RecordKind, int]) -> dict[RecordKind, int]:
    """The settings, and in their place what the tenant has of its own unless that is too short by now."""
    return {
        kind: max(own[kind], settings.least_days) if own.get(kind) else own.get(kind, days)
        for kind, days in settings.days.items()
    }


def _checked_value(subject: HoldSubject, value: str) -> str:
    if subject is HoldSubject.TENANT:
        if value:
            raise InvalidArgumentError("value", "must be empty: a hold on the tenant keeps everything of it")
        return value
    if subject is HoldSubject.STUDY:
        return parse_uid(value, "value")
    if not value or len(value) > MAX_TEXT or not value.isprintable():
        raise InvalidArgumentError("value", f"1 to {MAX_TEXT} printable characters")
    return value


def checked_reason(reason: str) -> str:
    """The reason of an order. Raises InvalidArgumentError."""
    if not reason.strip() or len(reason) > MAX_TEXT or not reason.isprintable():
        raise InvalidArgumentError("reason", f"say why, in 1 to {MAX_TEXT} printable characters, and name no patient")
    return reason
