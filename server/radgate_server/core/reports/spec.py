"""What a report contains, of whom and when."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from radgate_server.core.audit.search import AuditCriteria, IndexPosition
from radgate_server.core.dicom.identifiers import parse_uid
from radgate_server.core.errors import InvalidArgumentError

MAX_SUBJECT = 200


class ReportKind(StrEnum):
    """What a report contains."""

    PATIENT_ACCESS = "patient-access"
    USER_ACTIVITY = "user-activity"
    STUDY_ACCESS = "study-access"
    UNUSUAL_ACCESS = "unusual-access"


class ReportFormat(StrEnum):
    """What it is written as; also the end of a file's name."""

    JSON = "json"
    CSV = "csv"
    PDF = "pdf"


CONTENT_TYPES = {
    ReportFormat.JSON: "application/json",
    ReportFormat.CSV: "text/csv; charset=utf-8",
    ReportFormat.PDF: "application/pdf",
}

TITLES = {
    ReportKind.PATIENT_ACCESS: "Who saw this patient",
    ReportKind.USER_ACTIVITY: "What this user did",
    ReportKind.STUDY_ACCESS: "Accesses of a study",
    ReportKind.UNUSUAL_ACCESS: "Unusual access",
}

SUBJECTS = {
    ReportKind.PATIENT_ACCESS: "Patient ID",
    ReportKind.USER_ACTIVITY: "User",
    ReportKind.STUDY_ACCESS: "Study Instance UID",
}
"""What the subject is, by kinds that have one."""


@dataclass(frozen=True, slots=True)
class ReportSpec:
    """What to report: the subject is a Patient ID, a user or a Study Instance UID, "" for unusual access.

    `time_zone` is an IANA name, in which times are reported and days and nights are counted; "" means the tenant's.
    """

    kind: ReportKind
    subject: str
    format: ReportFormat
    time_zone: str = ""


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` (None: the beginning of the trail) until before `until`."""

    since: datetime | None
    until: datetime


@dataclass(frozen=True, slots=True)
class ReportHead:
    """What stands above a report's rows."""

    spec: ReportSpec
    tenant_id: str
    period: Period
    zone: ZoneInfo
    made: datetime
    position: IndexPosition

    @property
    def title(self) -> str:
        """What the report is called."""
        return TITLES[self.spec.kind]

    @property
    def complete(self) -> str:
        """Up to where it is complete, as a sentence."""
        place, newest = self.position.sequence, self.position.newest
        if self.position.problem:
            return f"NOT COMPLETE: {self.position.problem}. Have the index rebuilt, and the report made again."
        if place >= newest:
            return f"Complete up to record {place}, the newest of the trail."
        return f"Complete up to record {place}; the trail continues to record {newest}."


def check_spec(spec: ReportSpec) -> ReportSpec:
    """Return what was asked for, if it can be determined.

    Raises:
        InvalidArgumentError: the subject is missing, too long, not a UID, or one too much; there is no such time zone.
    """
    needs = SUBJECTS.get(spec.kind)
    if needs is None and spec.subject:
        raise InvalidArgumentError("spec.subject", "must be empty for unusual access")
    if needs and not 1 <= len(spec.subject) <= MAX_SUBJECT:
        raise InvalidArgumentError("spec.subject", f"must be a {needs} of 1 to {MAX_SUBJECT} characters")
    if spec.kind is ReportKind.STUDY_ACCESS:
        parse_uid(spec.subject, "spec.subject")
    if spec.time_zone:
        parse_zone(spec.time_zone, "spec.time_zone")
    return spec


def parse_zone(name: str, field: str) -> ZoneInfo:
    """Find the time zone of that name.

    Raises:
        InvalidArgumentError: there is none.
    """
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, ZoneInfoNotFoundError):
        raise InvalidArgumentError(field, "must be a time zone such as Europe/Berlin") from None


def criteria_of(spec: ReportSpec, period: Period, studies: tuple[str, ...] = ()) -> AuditCriteria:
    """Return what the report's records are found by; `studies` are the patient's."""
    since, until = period.since, period.until
    match spec.kind:
        case ReportKind.PATIENT_ACCESS:
            return AuditCriteria(patient_id=spec.subject, studies_of_patient=studies, since=since, until=until)
        case ReportKind.USER_ACTIVITY:
            return AuditCriteria(user=spec.subject, since=since, until=until)
        case ReportKind.STUDY_ACCESS:
            return AuditCriteria(study_instance_uid=spec.subject, since=since, until=until)
        case ReportKind.UNUSUAL_ACCESS:
            return AuditCriteria(since=since, until=until)
