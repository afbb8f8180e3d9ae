"""`radgate audit schedule`: reports that a running server makes and delivers at regular times."""

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import click

from radgate_server.cli.audit.reading import run_reading
from radgate_server.cli.shared.admin import caller_for
from radgate_server.cli.shared.options import (
    EnumChoice,
    RadgateGroup,
    config_option,
    json_option,
    tenant_option,
    together,
)
from radgate_server.cli.shared.output import hint, print_rows
from radgate_server.core.reports.schedule import Frequency, Plan, ReportSchedule
from radgate_server.core.reports.spec import ReportFormat, ReportKind, ReportSpec

_COLUMNS = ("name", "kind", "format", "frequency", "receivers", "next", "last", "error")
_OF_SPEC = ("kind", "subject", "format", "time_zone")
_name = click.argument("name")


@click.group(cls=RadgateGroup)
def schedule() -> None:
    """Reports at regular times, to receivers that the server's settings name."""


def _plan_options(*, new: bool) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """What is planned; all of it for a new schedule, by defaults too, what is to change for one that is there."""

    def option(name: str, default: Any, **more: Any) -> Any:
        return click.option(*name.split(), default=default if new else None, show_default=new, **more)

    return together(
        click.option("--kind", type=EnumChoice(ReportKind), required=new, help="What it contains."),
        click.option("--subject", help="Patient ID, user or Study Instance UID that it is about."),
        option("--format format", ReportFormat.PDF.value, type=EnumChoice(ReportFormat)),
        click.option("--every", "frequency", type=EnumChoice(Frequency), required=new, help="How often."),
        option("--day", 1, type=int, help="Day of the week from Monday, 1, or of the month up to 28."),
        option("--at time_of_day", "06:00", help="Time of day, such as 06:30."),
        click.option("--time-zone", help="Time zone (IANA); else the tenant's in the settings."),
        click.option(
            "--to", "receivers", multiple=True, required=new, help="Receiver in the settings. May be repeated."
        ),
    )


@schedule.command()
@_name
@tenant_option
@_plan_options(new=True)
@config_option
def add(name: str, tenant_id: str, **words: Any) -> None:
    """Add a schedule."""
    spec = ReportSpec(words["kind"], words["subject"] or "", words["format"], words["time_zone"] or "")
    plan = Plan(spec, words["frequency"], words["day"], words["time_of_day"], words["receivers"])
    made = run_reading(lambda reading: reading.schedules.create(caller_for(tenant_id), name, plan))
    _report_next(made)


@schedule.command()
@_name
@tenant_option
@_plan_options(new=False)
@config_option
def update(name: str, tenant_id: str, **words: Any) -> None:
    """Change a schedule; what is not named stays. `--to` names all receivers again.

    It runs next when the changed one is due; a run that is being retried is given up.
    """
    given = {word: value for word, value in words.items() if value not in (None, ())}
    if not given:
        raise click.UsageError("name at least one thing to change")
    of_spec = {word: given.pop(word) for word in _OF_SPEC if word in given}

    def change(plan: Plan) -> Plan:
        return replace(plan, spec=replace(plan.spec, **of_spec), **given)

    changed = run_reading(lambda reading: reading.schedules.update(caller_for(tenant_id), name, change))
    _report_next(changed)


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


def _report_next(one: ReportSchedule) -> None:
    hint(f"{one.name} runs next at {one.try_time:%Y-%m-%d %H:%M %Z}")


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
