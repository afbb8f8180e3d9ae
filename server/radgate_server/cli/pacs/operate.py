"""`radgate pacs test`, `validate`, `failover`, `failback` and `remove`."""

import click

from radgate_server.cli.pacs.common import named_pacs, one_pacs, print_check
from radgate_server.cli.pacs.overview import report_json
from radgate_server.cli.shared.admin import caller_for, run_admin
from radgate_server.cli.shared.options import config_option, json_option
from radgate_server.cli.shared.output import hint, print_json
from radgate_server.core.pacs.failover import Transition


@click.command()
@one_pacs
@config_option
def test(tenant_id: str, name: str) -> None:
    """Ask a PACS for a sign of life (C-ECHO, a web request, or reading the folder)."""
    report = run_admin(lambda admin: admin.pacs.test(caller_for(tenant_id), name))
    click.echo(f"{name} answered in {report.latency_ms:.1f} ms" + (f": {report.detail}" if report.detail else ""))


@click.command()
@named_pacs
@json_option
@config_option
def validate(name: str, tenant_id: str, as_json: bool) -> None:
    """Find out whether the PACS NAME is fit for use, telling each check as it is made, and keep the report.

    The exit status is 1 when it is not.
    """
    on_check = None if as_json else print_check(err=False)
    report = run_admin(lambda admin: admin.pacs.validate(caller_for(tenant_id), name, on_check=on_check))
    if as_json:
        print_json(report_json(report))
    if not report.passed:
        raise click.ClickException(f"{name} is not fit for use")


@click.command()
@named_pacs
@click.option("--to", "target", metavar="NAME", default="", help="The backup that takes over; else the next one.")
@config_option
def failover(name: str, tenant_id: str, target: str) -> None:
    """Send the work of the PACS NAME to a backup, where it stays until it is given back or the backup fails."""
    _report(run_admin(lambda admin: admin.pacs.fail_over(caller_for(tenant_id), name, target)))


@click.command()
@named_pacs
@config_option
def failback(name: str, tenant_id: str) -> None:
    """Give the PACS NAME its work back."""
    _report(run_admin(lambda admin: admin.pacs.fail_back(caller_for(tenant_id), name)))


@click.command()
@one_pacs
@config_option
def remove(tenant_id: str, name: str) -> None:
    """Remove a PACS from its tenant, and what is cached for the tenant."""
    run_admin(lambda admin: admin.pacs.delete(caller_for(tenant_id), name))
    hint(f"PACS {name} is removed")


def _report(transition: Transition) -> None:
    hint(f"{transition.to_pacs} does the work of {transition.primary} from now on, not {transition.from_pacs}")
