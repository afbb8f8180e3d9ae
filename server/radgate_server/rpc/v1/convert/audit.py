"""Between the messages of AuditService and the words of the core: searches, records, checkpoints."""

from datetime import datetime

from google.protobuf.message import Message

from radgate.v1 import audit_service_pb2 as messages
from radgate_server.core.audit.checkpoint import Checkpoint, to_line
from radgate_server.core.audit.fields import RECORD_FIELDS
from radgate_server.core.audit.search import AuditCriteria, AuditRecord, IndexPosition, time_of
from radgate_server.core.dicom.identifiers import parse_uid
from radgate_server.core.errors import InvalidArgumentError
from radgate_server.rpc.v1.convert.times import from_timestamp, to_timestamp
from radgate_server.rpc.v1.enum_words import AUDIT_ACTIONS, AUDIT_OUTCOMES, ROLES
from radgate_server.services.audit.administration import Verdict

MAX_WORD = 1000

_CONVERTED = ("time", "tenant_id", "role", "action", "outcome")
_ALIKE = (*(field.name for field in RECORD_FIELDS if field.name not in _CONVERTED), "removed")
"""Fields that the message and the record have alike."""


def from_search(request: messages.SearchAuditRecordsRequest) -> AuditCriteria:
    """Read what is searched for. Raises InvalidArgumentError."""
    for field in ("user", "patient_id"):
        if len(getattr(request, field)) > MAX_WORD:
            raise InvalidArgumentError(field, f"must have {MAX_WORD} characters at most")
    uids = {name: getattr(request, name) for name in ("study_instance_uid", "series_instance_uid", "sop_instance_uid")}
    for name, uid in uids.items():
        if uid:
            parse_uid(uid, name)
    if (request.series_instance_uid or request.sop_instance_uid) and not request.study_instance_uid:
        raise InvalidArgumentError("study_instance_uid", "must be given with a series or an instance")
    return AuditCriteria(
        user=request.user,
        patient_id=request.patient_id,
        **uids,
        actions=tuple(AUDIT_ACTIONS.word(action, "actions") for action in request.actions),
        outcome=AUDIT_OUTCOMES.word(request.outcome, "outcome") if request.outcome else "",
        since=from_time(request, "since"),
        until=from_time(request, "until"),
        break_glass=request.break_glass,
    )


def from_time(request: Message, field: str) -> datetime | None:
    """Read a time, None when it is not given. Raises InvalidArgumentError for what is none."""
    if not request.HasField(field):
        return None
    try:
        return from_timestamp(getattr(request, field))
    except ValueError:
        raise InvalidArgumentError(field, "must be a time of the years 1 to 9999") from None


def to_record(record: AuditRecord) -> messages.AuditRecord:
    """Render a record."""
    return messages.AuditRecord(
        sequence=record.sequence,
        time=to_timestamp(record.time),
        role=ROLES.number(record.role),
        action=AUDIT_ACTIONS.number(record.action),
        outcome=AUDIT_OUTCOMES.number(record.outcome),
        hash=record.record_hash.hex() if record.record_hash else "",
        **{name: getattr(record, name) for name in _ALIKE},
    )


def to_position(position: IndexPosition) -> messages.AuditPosition:
    """Render up to where an answer is complete."""
    return messages.AuditPosition(complete_up_to=position.sequence, newest=position.newest, problem=position.problem)


def to_checkpoint(checkpoint: Checkpoint) -> messages.AuditCheckpoint:
    """Render a checkpoint."""
    return messages.AuditCheckpoint(
        sequence=checkpoint.sequence, time=to_timestamp(time_of(checkpoint.time_us)), line=to_line(checkpoint)
    )


def to_verdict(verdict: Verdict) -> messages.VerifyVerdict:
    """Render what a verification of one tenant's chain found."""
    faults = [messages.AuditFault(sequence=fault.sequence, what=fault.what) for fault in verdict.faults]
    return messages.VerifyVerdict(
        records=verdict.records,
        checkpoints=verdict.checkpoints,
        fault=faults[0] if faults else None,
        index_fault=verdict.index_faults[0].what if verdict.index_faults else "",
        not_excluded=verdict.not_excluded,
    )
