"""`radgate audit schedule`: reports that a running server makes and delivers at regular times."""

from dataclasses import asdict
from typing import Any

import click

from radgate_server.cli.admin import caller_for
from radgate_server.cli.audit_reading import run_reading
from radgate_server.cli.options import RadgateGroup, Words, config_option, json_option, tenant_option
from radgate_server.cli.output import hint, print_rows
from radgate_server.core.reports.schedule import Frequency, Plan, ReportSchedule
from radgate_server.core.reports.spec import ReportFormat, ReportKind, ReportSpec

_COLUMNS = ("name", "kind", "format", "frequency", "receivers", "next", "last", "error")
_name = click.argument("name")


@click.group(cls=RadgateGroup)
def schedule() -> None:
    """Reports at regular times, to receivers that the server's settings name."""


@schedule.command()
@_name
@tenant_option
@click.option("--kind", type=Words(ReportKind), required=True, help="What it tells.")
@click.option("--subject", default="", help="Patient ID, user or Study Instance UID that it is about.")
@click.option("--format", "format_", type=Words(ReportFormat), default=ReportFormat.PDF.value, show_default=True)
@click.option("--every", type=Words(Frequency), required=True, help="How often.")
@click.option("--day", default=1, show_default=True, help="Day of the week from Monday, 1, or of the month up to 28.")
@click.option("--at", "time_of_day", default="06:00", show_default=True, help="Time of day, such as 06:30.")
@click.option("--time-zone", default="", help="Time zone (IANA); else the tenant's in the settings.")
@click.option("--to", "receivers", multiple=True, required=True, help="Receiver in the settings. May be repeated.")
@config_option
def add(name: str, tenant_id: str, kind: ReportKind, subject: str, format_: ReportFormat, **words: Any) -> None:
    """Add a schedule."""
    spec = ReportSpec(kind, subject, format_, words["time_zone"])
    plan = Plan(spec, words["every"], words["day"], words["time_of_day"], words["receivers"])
    made = run_reading(lambda reading: reading.schedules.create(caller_for(tenant_id), name, plan))
    hint(f"{name} runs next at {made.due_time:%Y-%m-%d %H:%M %Z}")


@schedule.command("list")
@tenant_option
@json_option
@config_option
def list_(tenant_id: str, as_json: bool) -> None:
    """List the tenant's schedules, and how the last run of each went."""
    found = run_reading(lambda reading: reading.schedules.list_all(caller_for(tenant_id)))
    print_rows([asdict(one) if as_json else _row(one) for one in found], _COLUMNS, as_json=as_json)


@schedule.command()
@_name
@tenant_option
@config_option
def remove(name: str, tenant_id: str) -> None:
    """Delete a schedule."""
    run_reading(lambda reading: reading.schedules.delete(caller_for(tenant_id), name))


@schedule.command()
@_name
@tenant_option
@config_option
def run(name: str, tenant_id: str) -> None:
    """Let a schedule run now; a running server does so within seconds."""
    run_reading(lambda reading: reading.schedules.run(caller_for(tenant_id), name))


def _row(one: ReportSchedule) -> dict[str, Any]:
    plan = one.plan
    return {
        "name": one.name,
        "kind": plan.spec.kind,
        "format": plan.spec.format,
        "frequency": plan.frequency,
        "receivers": plan.receivers,
        "next": one.try_time,
        "last": one.last_run_time,
        "error": one.last_error,
    }
