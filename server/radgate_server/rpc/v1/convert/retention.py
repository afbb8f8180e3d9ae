"""Between the messages of RetentionService and the words of the core."""

from radgate.v1 import retention_service_pb2 as messages
from radgate_server.core.audit.retention import HoldSubject, LegalHold, RecordKind
from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.retention.ports.erasure import Erasure
from radgate_server.rpc.v1.convert.times import to_timestamp
from radgate_server.services.retention.rules import RetentionPeriod

_KINDS = {
    messages.RECORD_KIND_ACCESS: RecordKind.ACCESS,
    messages.RECORD_KIND_LOGIN_FAILURE: RecordKind.LOGIN_FAILURE,
    messages.RECORD_KIND_CONFIGURATION: RecordKind.CONFIGURATION,
}
_KINDS_OUT = {kind: value for value, kind in _KINDS.items()}
_SUBJECTS = {
    messages.HOLD_SUBJECT_TENANT: HoldSubject.TENANT,
    messages.HOLD_SUBJECT_PATIENT: HoldSubject.PATIENT,
    messages.HOLD_SUBJECT_STUDY: HoldSubject.STUDY,
    messages.HOLD_SUBJECT_USER: HoldSubject.USER,
}
_SUBJECTS_OUT = {subject: value for value, subject in _SUBJECTS.items()}


def from_kind(kind: messages.RecordKind) -> RecordKind:
    """Read a kind. Raises InvalidArgumentError for none, and for one that this server does not know."""
    if kind not in _KINDS:
        raise InvalidArgumentError("kind", "must be RECORD_KIND_ACCESS, _LOGIN_FAILURE or _CONFIGURATION")
    return _KINDS[kind]


def from_subject(subject: messages.HoldSubject) -> HoldSubject:
    """Read what a hold keeps. Raises InvalidArgumentError for nothing, and for what this server does not know."""
    if subject not in _SUBJECTS:
        raise InvalidArgumentError("subject", "must be HOLD_SUBJECT_TENANT, _PATIENT, _STUDY or _USER")
    return _SUBJECTS[subject]


def from_erase(request: messages.EraseCachedDataRequest) -> tuple[HoldSubject, str]:
    """Read what is to be erased. Raises InvalidArgumentError for nothing."""
    match request.WhichOneof("subject"):
        case "study_instance_uid":
            return HoldSubject.STUDY, request.study_instance_uid
        case "patient_id":
            return HoldSubject.PATIENT, request.patient_id
        case _:
            raise InvalidArgumentError("study_instance_uid", "name a study or a patient")


def to_rule(kept: RetentionPeriod) -> messages.RetentionRule:
    """Render for how long records of a kind are kept."""
    return messages.RetentionRule(kind=_KINDS_OUT[kept.kind], days=kept.days, own=kept.own)


def to_hold(hold: LegalHold) -> messages.LegalHold:
    """Render a hold."""
    return messages.LegalHold(
        hold_id=hold.hold_id,
        subject=_SUBJECTS_OUT[hold.subject],
        value=hold.value,
        reason=hold.reason,
        placed_by=hold.placed_by,
        place_time=to_timestamp(hold.place_time),
        released_by=hold.released_by,
        release_time=None if hold.release_time is None else to_timestamp(hold.release_time),
        release_reason=hold.release_reason,
    )


def to_erasure(erasure: Erasure) -> messages.Erasure:
    """Render an erasure."""
    return messages.Erasure(
        erasure_id=erasure.order.erasure_id,
        create_time=to_timestamp(erasure.create_time),
        done=bool(erasure.certificate),
        certificate=erasure.certificate,
    )
