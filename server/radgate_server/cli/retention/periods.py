"""`radgate retention`: how long records are kept, and legal holds."""

from dataclasses import asdict

import click

from radgate_server.cli.retention.common import one_of, reason_option, run_retention, subject_options
from radgate_server.cli.shared.admin import caller_for
from radgate_server.cli.shared.options import RadgateGroup, config_option, json_option, tenant_option
from radgate_server.cli.shared.output import print_rows
from radgate_server.core.audit.retention import HoldSubject, RecordKind


@click.group(cls=RadgateGroup)
def retention() -> None:
    """Retention periods of audit records, and legal holds that extend them."""


@retention.command()
@tenant_option
@json_option
@config_option
def show(tenant_id: str, as_json: bool) -> None:
    """Report for how many days records of each kind are kept; 0 is without an end."""
    kept = run_retention(lambda tools: tools.admin.show(caller_for(tenant_id)))
    rows = [{"kind": one.kind.value, "days": one.days, "rule": "tenant" if one.own else "settings"} for one in kept]
    print_rows(rows, ("kind", "days", "rule"), as_json=as_json)


@retention.command("set")
@tenant_option
@click.option("--kind", type=click.Choice([kind.value for kind in RecordKind]), required=True, help="Which records.")
@click.option("--days", type=int, help="For so many days; 0 is without an end. Without it, as the settings say.")
@config_option
def set_rule(tenant_id: str, kind: str, days: int | None) -> None:
    """Give a tenant a rule of its own, not shorter than the setting retention.least_days, or take it away."""
    run_retention(lambda tools: tools.admin.set_days(caller_for(tenant_id), RecordKind(kind), days))


@retention.command()
@tenant_option
@subject_options("patient_id", "study_instance_uid", "user")
@reason_option
@config_option
def hold(tenant_id: str, reason: str, **subjects: str | None) -> None:
    """Keep records and cached data from being erased: a patient's, a study's, a user's, or all of the tenant.

    Prints the id by which the hold is released.
    """
    subject, value = one_of(subjects) or (HoldSubject.TENANT, "")
    click.echo(run_retention(lambda tools: tools.admin.place(caller_for(tenant_id), subject, value, reason)).hold_id)


@retention.command()
@tenant_option
@click.argument("hold_id")
@reason_option
@config_option
def release(tenant_id: str, hold_id: str, reason: str) -> None:
    """End a legal hold; it stays on record."""
    run_retention(lambda tools: tools.admin.release(caller_for(tenant_id), hold_id, reason))


@retention.command()
@tenant_option
@click.option("--released", is_flag=True, help="Also those that were released.")
@json_option
@config_option
def holds(tenant_id: str, released: bool, as_json: bool) -> None:
    """List legal holds, the first placed first."""
    found = run_retention(lambda tools: tools.admin.list_holds(caller_for(tenant_id), released=released))
    columns = ("hold_id", "subject", "value", "reason", "placed_by", "place_time", "release_time")
    print_rows([asdict(one) for one in found], columns, as_json=as_json)
