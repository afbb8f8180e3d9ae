"""What a record is called in the vocabulary of PS3.15 A.5, on which FHIR's AuditEvent builds."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from radgate_server.core.audit.chain import UNKNOWN_SIZE, WORDS
from radgate_server.core.audit.record import AuditAction, AuditOutcome, for_every_action
from radgate_server.core.audit.studies_shown import SEPARATOR
from radgate_server.core.audit.verification import StoredRecord


class Code(NamedTuple):
    """A coded value; `system` is a scheme designator as in PS3.16, or one of our own."""

    value: str
    system: str
    meaning: str


class EventKind(NamedTuple):
    """EventID, EventTypeCode if there is one, and EventActionCode: Create, Read, Update, Delete, Execute."""

    event: Code
    subtype: Code | None
    action: str


def _dcm(value: str, meaning: str) -> Code:
    return Code(value, "DCM", meaning)


ALERT = _dcm("110113", "Security Alert")
ACCESSED = EventKind(_dcm("110103", "DICOM Instances Accessed"), None, "R")
LOG_USED = EventKind(_dcm("110101", "Audit Log Used"), None, "R")
BEGIN = EventKind(_dcm("110102", "Begin Transferring DICOM Instances"), None, "E")
TRANSFERRED = _dcm("110104", "DICOM Instances Transferred")
SOURCE, DESTINATION = _dcm("110153", "Source Role ID"), _dcm("110152", "Destination Role ID")
STUDY_INSTANCE_UID, SOP_CLASS_UID = _dcm("110180", "Study Instance UID"), _dcm("110181", "SOP Class UID")
PATIENT_NUMBER, URI = Code("2", "RFC-3881", "Patient Number"), Code("12", "RFC-3881", "URI")
STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"

CHECKPOINT = "checkpoint"
"""The action of messages that hold a signed checkpoint; the trail has no such records."""

_RECORDED = for_every_action(
    {
        AuditAction.QUERY: EventKind(_dcm("110112", "Query"), None, "E"),
        AuditAction.LIST: EventKind(_dcm("110112", "Query"), None, "R"),
        AuditAction.RETRIEVE: EventKind(TRANSFERRED, None, "R"),
        AuditAction.RETRIEVE_METADATA: ACCESSED,
        AuditAction.RETRIEVE_FRAMES: ACCESSED,
        AuditAction.RETRIEVE_BULKDATA: ACCESSED,
        AuditAction.RENDER: ACCESSED,
        AuditAction.TRANSCODE: ACCESSED,
        AuditAction.STORE: EventKind(TRANSFERRED, None, "C"),
        AuditAction.CONFIGURE: EventKind(ALERT, _dcm("110131", "Software Configuration"), "E"),
        AuditAction.READ_REFUSED: ACCESSED,
        AuditAction.EXPORT_AUDIT: LOG_USED,
        AuditAction.AUTHENTICATE: EventKind(_dcm("110114", "User Authentication"), _dcm("110122", "Login"), "E"),
        AuditAction.AUTHORISE: EventKind(ALERT, _dcm("110132", "Use of Restricted Function"), "E"),
        AuditAction.GENESIS: EventKind(ALERT, _dcm("110134", "Audit Recording Started"), "E"),
        AuditAction.READ_AUDIT: LOG_USED,
        AuditAction.ERASE_RECORDS: EventKind(ALERT, _dcm("110136", "Object Security Attributes Changed"), "E"),
        AuditAction.ERASE_CACHED: EventKind(_dcm("110105", "DICOM Study Deleted"), None, "D"),
    }
)
KINDS: Mapping[str, EventKind] = {
    **_RECORDED,
    CHECKPOINT: EventKind(_dcm("110100", "Application Activity"), None, "E"),
}
_GIVEN = {action for action, kind in KINDS.items() if kind is ACCESSED} | {AuditAction.RETRIEVE.value}
OTHER = EventKind(_dcm("110100", "Application Activity"), None, "E")
"""Of records that a later version wrote."""

_OUTCOMES = {AuditOutcome.GRANTED: "0", AuditOutcome.DELIVERED: "0"}
_FAILURE = "4"  # minor: this action, not the system


class Event(NamedTuple):
    """A record, read. `words` are its texts by name; `details` say what the standard vocabulary has no place for."""

    kind: EventKind
    outcome: str
    time_us: int
    words: dict[str, str]
    identifier: str
    details: tuple[tuple[str, str], ...]

    @property
    def patients(self) -> Sequence[str]:
        """Patient IDs; several of a list."""
        return [*dict.fromkeys(value for value in self.words["patient_id"].split(SEPARATOR) if value)]

    @property
    def studies(self) -> Sequence[str]:
        """Study Instance UIDs; several of a list."""
        return [value for value in self.words["study_instance_uid"].split(SEPARATOR) if value]

    @property
    def has_client_as_source(self) -> bool:
        """Whether the client requested or sent, and did not receive images."""
        return self.words["action"] not in _GIVEN


def read_event(record: StoredRecord) -> Event:
    """The record as an event. A transfer that a second record will follow is one that begins."""
    words = dict.fromkeys(WORDS, "") | dict(zip(WORDS, record.words, strict=False))
    kind = KINDS.get(words["action"], OTHER)
    what = "audit-checkpoint" if words["action"] == CHECKPOINT else "audit"
    is_known = record.size_bytes != UNKNOWN_SIZE
    if kind.event is TRANSFERRED and words["outcome"] == AuditOutcome.GRANTED and not is_known:
        kind = BEGIN
    details = {
        "outcome": words["outcome"],
        "detail": words["detail"],
        "bytes": str(record.size_bytes) if is_known else "",
        "request": words["request_id"],
        "trace": words["trace_id"],
        "userAgent": words["user_agent"],
        "breakGlass": words["break_glass"],
        "sameFamilyName": words["same_family_name"],
        "hash": record.record_hash.hex() if record.record_hash else "",
    }
    return Event(
        kind,
        _OUTCOMES.get(AuditOutcome(words["outcome"]), _FAILURE) if words["outcome"] in set(AuditOutcome) else _FAILURE,
        record.time_us,
        words,
        f"urn:radgate:{what}:{words['tenant_id']}:{record.sequence}",
        tuple((name, value) for name, value in details.items() if value),
    )
