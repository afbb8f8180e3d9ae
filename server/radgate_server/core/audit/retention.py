"""How long records of the audit trail are kept, and what keeps them longer: pure decisions."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from radgate_server.core.audit.record import AuditAction, for_every_action
from radgate_server.core.audit.studies_shown import SEPARATOR

DAY_US = 86_400_000_000
FOR_EVER = 0
"""Days of a kind that is never erased."""


class RecordKind(StrEnum):
    """Records that are kept equally long."""

    ACCESS = "access"
    LOGIN_FAILURE = "login-failure"
    CONFIGURATION = "configuration"


_KINDS: Mapping[str, RecordKind | None] = for_every_action(
    {
        AuditAction.QUERY: RecordKind.ACCESS,
        AuditAction.LIST: RecordKind.ACCESS,
        AuditAction.RETRIEVE: RecordKind.ACCESS,
        AuditAction.RETRIEVE_METADATA: RecordKind.ACCESS,
        AuditAction.RETRIEVE_FRAMES: RecordKind.ACCESS,
        AuditAction.RETRIEVE_BULKDATA: RecordKind.ACCESS,
        AuditAction.RENDER: RecordKind.ACCESS,
        AuditAction.TRANSCODE: RecordKind.ACCESS,
        AuditAction.STORE: RecordKind.ACCESS,
        AuditAction.READ_REFUSED: RecordKind.ACCESS,
        AuditAction.EXPORT_AUDIT: RecordKind.ACCESS,
        AuditAction.READ_AUDIT: RecordKind.ACCESS,
        AuditAction.AUTHENTICATE: RecordKind.LOGIN_FAILURE,
        AuditAction.AUTHORISE: RecordKind.LOGIN_FAILURE,
        AuditAction.CONFIGURE: RecordKind.CONFIGURATION,
        AuditAction.ERASE_CACHED: RecordKind.CONFIGURATION,
        # These prove something of the chain itself.
        AuditAction.GENESIS: None,
        AuditAction.ERASE_RECORDS: None,
    }
)


def kind_of(action: str) -> RecordKind | None:
    """The kind of a record, None for one that is never erased, also since a later version wrote it."""
    return _KINDS.get(action)


class HoldSubject(StrEnum):
    """What a legal hold keeps."""

    TENANT = "tenant"
    PATIENT = "patient"
    STUDY = "study"
    USER = "user"


@dataclass(frozen=True, slots=True)
class LegalHold:
    """Keeps records and cached data from being erased until it is released.

    `value` is a Patient ID (0010,0020), a Study Instance UID, a key id or principal's name; "" for the whole tenant.
    `placed_by` and `released_by` name keys as the audit trail does. `release_time` is None while it holds.
    """

    hold_id: str
    tenant_id: str
    subject: HoldSubject
    value: str
    reason: str
    placed_by: str
    place_time: datetime
    released_by: str = ""
    release_time: datetime | None = None
    release_reason: str = ""


class Traces(NamedTuple):
    """Whom a record concerns: what holds look at. Of a list there are several values (core/audit/studies_shown.py)."""

    patient_id: str
    study_instance_uid: str
    users: tuple[str, ...]


class HoldList:
    """The holds of a tenant that are in force, as records are compared with them.

    `studies_of` returns the studies of each held patient, for records that name a study and no patient.
    """

    def __init__(self, holds: Sequence[LegalHold], studies_of: Mapping[str, Collection[str]]) -> None:
        self.hold_ids = frozenset(hold.hold_id for hold in holds)
        by_subject = {subject: {h.value for h in holds if h.subject is subject} for subject in HoldSubject}
        self._everything = bool(by_subject[HoldSubject.TENANT])
        self._patients = by_subject[HoldSubject.PATIENT]
        self._users = by_subject[HoldSubject.USER]
        self._studies = by_subject[HoldSubject.STUDY].union(*(studies_of.get(p, ()) for p in self._patients))

    def hold(self, traces: Traces) -> bool:
        """Whether one of them keeps what has these traces."""
        return (
            self._everything
            or not self._patients.isdisjoint(traces.patient_id.split(SEPARATOR))
            or not self._studies.isdisjoint(traces.study_instance_uid.split(SEPARATOR))
            or not self._users.isdisjoint(traces.users)
        )


NO_HOLDS = HoldList((), {})

type KeptDays = Mapping[RecordKind, int]
"""For how many days records of each kind are kept, FOR_EVER for good."""


def ends_us(kept: KeptDays, now_us: int) -> dict[RecordKind, int]:
    """Up to which time (microseconds since 1970, excluded) records of each kind are to be erased; 0: none."""
    return {kind: now_us - days * DAY_US if days else 0 for kind, days in kept.items()}
