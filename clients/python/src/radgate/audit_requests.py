"""What is asked of the audit trail, turned into requests; shared by both clients, without I/O."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask

from radgate.requests import several
from radgate.v1 import audit_service_pb2 as messages

_PAGE = 500
_KINDS = {
    "patient-access": messages.AUDIT_REPORT_KIND_PATIENT_ACCESS,
    "user-activity": messages.AUDIT_REPORT_KIND_USER_ACTIVITY,
    "study-access": messages.AUDIT_REPORT_KIND_STUDY_ACCESS,
    "unusual-access": messages.AUDIT_REPORT_KIND_UNUSUAL_ACCESS,
}
_FORMATS = {
    "json": messages.AUDIT_REPORT_FORMAT_JSON,
    "csv": messages.AUDIT_REPORT_FORMAT_CSV,
    "pdf": messages.AUDIT_REPORT_FORMAT_PDF,
}
_FREQUENCIES = {
    "daily": messages.REPORT_FREQUENCY_DAILY,
    "weekly": messages.REPORT_FREQUENCY_WEEKLY,
    "monthly": messages.REPORT_FREQUENCY_MONTHLY,
}
_WORDS: Mapping[str, Mapping[str, Any]] = {"kind": _KINDS, "format": _FORMATS, "every": _FREQUENCIES}
_OF_SPEC = ("kind", "subject", "format", "time_zone")


def search_request(
    since: datetime | None, until: datetime | None, fields: dict[str, Any]
) -> messages.SearchAuditRecordsRequest:
    """Ask for records; actions and outcome are words, or values of their enums.

    Raises ValueError for a field or word that is none, and for a string in place of several actions.
    """
    if actions := several("actions", fields.pop("actions", ())):
        fields["actions"] = [_value_of(messages.AuditAction, "actions", action) for action in actions]
    if "outcome" in fields:
        fields["outcome"] = _value_of(messages.AuditOutcome, "outcome", fields["outcome"])
    return messages.SearchAuditRecordsRequest(page_size=_PAGE, since=since, until=until, **fields)


def report_request(
    kind: str, subject: str, format_: str, since: datetime | None, until: datetime | None, time_zone: str
) -> messages.MakeAuditReportRequest:
    """Ask for a report. Raises ValueError for a kind or format that is none."""
    return messages.MakeAuditReportRequest(spec=_spec(kind, subject, format_, time_zone), since=since, until=until)


def schedule_request(
    name: str,
    spec: tuple[str, str, str, str],
    frequency: str,
    day: int,
    time_of_day: str,
    receivers: Sequence[str],
) -> messages.CreateReportScheduleRequest:
    """Ask for a report at regular times; `spec` is its kind, subject, format and time zone. Raises ValueError."""
    return messages.CreateReportScheduleRequest(
        schedule=messages.ReportSchedule(
            name=name,
            spec=_spec(*spec),
            frequency=_chosen(_FREQUENCIES, "every", frequency),
            day=day,
            time_of_day=time_of_day,
            receivers=several("receivers", receivers),
        )
    )


def schedule_update_request(name: str, changes: Mapping[str, Any]) -> messages.UpdateReportScheduleRequest:
    """Ask for changes of a schedule. Raises ValueError for what it has not, and for what `schedule_request` refuses."""
    wanted = {word: _chosen(_WORDS[word], word, value) if word in _WORDS else value for word, value in changes.items()}
    several("receivers", changes.get("receivers", ()))
    if "every" in wanted:
        wanted["frequency"] = wanted.pop("every")
    spec = {word: wanted.pop(word) for word in _OF_SPEC if word in wanted}
    schedule = messages.ReportSchedule(name=name, spec=messages.AuditReportSpec(**spec), **wanted)
    mask = FieldMask(paths=[*(f"spec.{word}" for word in spec), *wanted])
    return messages.UpdateReportScheduleRequest(schedule=schedule, update_mask=mask)


def _spec(kind: str, subject: str, format_: str, time_zone: str) -> messages.AuditReportSpec:
    return messages.AuditReportSpec(
        kind=_chosen(_KINDS, "kind", kind),
        subject=subject,
        format=_chosen(_FORMATS, "format", format_),
        time_zone=time_zone,
    )


def _value_of(enum: Any, what: str, word: str | int) -> int:
    """The value that "retrieve-frames" or AUDIT_ACTION_RETRIEVE_FRAMES names; numbers stay. Raises ValueError."""
    if isinstance(word, int):
        return word
    prefix = enum.DESCRIPTOR.values[0].name.removesuffix("UNSPECIFIED")
    name = prefix + word.upper().replace("-", "_").removeprefix(prefix)
    if name not in enum.DESCRIPTOR.values_by_name:
        words = (value.name.removeprefix(prefix).lower().replace("_", "-") for value in enum.DESCRIPTOR.values[1:])
        raise ValueError(f"{what} must be one of {', '.join(words)}")
    number: int = enum.Value(name)
    return number


def _chosen[Number](table: Mapping[str, Number], what: str, word: str) -> Number:
    if word not in table:
        raise ValueError(f"{what} must be one of {', '.join(table)}")
    return table[word]
