"""Between the messages of AuditService and the words of the core: reports and their schedules."""

from collections.abc import Sequence

from radgate.v1 import audit_service_pb2 as messages
from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.reports.schedule import Frequency, Plan, ReportSchedule
from radgate_server.core.reports.spec import ReportFormat, ReportKind, ReportSpec
from radgate_server.rpc.v1.convert.field_mask import take_over
from radgate_server.rpc.v1.convert.times import to_timestamp
from radgate_server.services.reports.schedules import PlanChange

CHANGEABLE = frozenset({"spec", "frequency", "day", "time_of_day", "receivers"})
"""Fields of ReportSchedule that an update may change; all others are only returned."""

_KINDS = {
    messages.AUDIT_REPORT_KIND_PATIENT_ACCESS: ReportKind.PATIENT_ACCESS,
    messages.AUDIT_REPORT_KIND_USER_ACTIVITY: ReportKind.USER_ACTIVITY,
    messages.AUDIT_REPORT_KIND_STUDY_ACCESS: ReportKind.STUDY_ACCESS,
    messages.AUDIT_REPORT_KIND_UNUSUAL_ACCESS: ReportKind.UNUSUAL_ACCESS,
}
_FORMATS = {
    messages.AUDIT_REPORT_FORMAT_UNSPECIFIED: ReportFormat.JSON,
    messages.AUDIT_REPORT_FORMAT_JSON: ReportFormat.JSON,
    messages.AUDIT_REPORT_FORMAT_CSV: ReportFormat.CSV,
    messages.AUDIT_REPORT_FORMAT_PDF: ReportFormat.PDF,
}
_FREQUENCIES = {
    messages.REPORT_FREQUENCY_DAILY: Frequency.DAILY,
    messages.REPORT_FREQUENCY_WEEKLY: Frequency.WEEKLY,
    messages.REPORT_FREQUENCY_MONTHLY: Frequency.MONTHLY,
}
_KINDS_OUT = {kind: value for value, kind in _KINDS.items()}
_FORMATS_OUT = {format_: value for value, format_ in _FORMATS.items()}  # the last one counts, which has a name
_FREQUENCIES_OUT = {frequency: value for value, frequency in _FREQUENCIES.items()}


def from_spec(spec: messages.AuditReportSpec) -> ReportSpec:
    """Read what a report contains. Raises InvalidArgumentError for a kind or format that this server does not know."""
    kind, format_ = _KINDS.get(spec.kind), _FORMATS.get(spec.format)
    if kind is None:
        raise InvalidArgumentError("spec.kind", "must be a kind of report, such as AUDIT_REPORT_KIND_PATIENT_ACCESS")
    if format_ is None:
        raise InvalidArgumentError("spec.format", "must be JSON, CSV or PDF")
    return ReportSpec(kind, spec.subject, format_, spec.time_zone)


def from_schedule(schedule: messages.ReportSchedule) -> Plan:
    """Read what is planned. Raises InvalidArgumentError for what is no frequency."""
    frequency = _FREQUENCIES.get(schedule.frequency)
    if frequency is None:
        raise InvalidArgumentError("schedule.frequency", "must be daily, weekly or monthly")
    receivers = tuple(schedule.receivers)
    return Plan(from_spec(schedule.spec), frequency, schedule.day or 1, schedule.time_of_day, receivers)


def change_plan(schedule: messages.ReportSchedule, paths: Sequence[str]) -> PlanChange:
    """What to make of a plan: the fields of `schedule` that the paths name, without paths those that are given.

    Raises:
        InvalidArgumentError: when it is made, for a path that names nothing that can be changed, or as `from_schedule`.
    """

    def change(plan: Plan) -> Plan:
        message = _to_plan(plan)
        take_over(message, schedule, paths, CHANGEABLE, "schedule")
        return from_schedule(message)

    return change


def to_schedule(schedule: ReportSchedule) -> messages.ReportSchedule:
    """Render a schedule and how its last run went."""
    message, last = _to_plan(schedule.plan), schedule.last_run_time
    message.name = schedule.name
    message.next_run_time.CopyFrom(to_timestamp(schedule.try_time))
    if last is not None:
        message.last_run_time.CopyFrom(to_timestamp(last))
    message.last_error = schedule.last_error
    message.attempts = schedule.attempts
    return message


def _to_plan(plan: Plan) -> messages.ReportSchedule:
    spec = plan.spec
    return messages.ReportSchedule(
        spec=messages.AuditReportSpec(
            kind=_KINDS_OUT[spec.kind],
            subject=spec.subject,
            format=_FORMATS_OUT[spec.format],
            time_zone=spec.time_zone,
        ),
        frequency=_FREQUENCIES_OUT[plan.frequency],
        day=plan.day,
        time_of_day=plan.time_of_day,
        receivers=plan.receivers,
    )
