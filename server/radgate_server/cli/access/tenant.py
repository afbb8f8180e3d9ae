"""`radgate tenant`: customer organisations."""

import click

from radgate_server.cli.shared.admin import caller_for, run_admin
from radgate_server.cli.shared.options import RadgateGroup, config_option, current_settings, json_option
from radgate_server.cli.shared.output import hint, print_rows


@click.group(cls=RadgateGroup)
def tenant() -> None:
    """Customer organisations, each with PACS and keys of its own."""


@tenant.command()
@click.argument("name")
@config_option
def create(name: str) -> None:
    """Create the tenant NAME: 1 to 63 of a-z, 0-9 and '-', starting with a letter.

    Where there is no installation yet, it makes one and says so.
    """
    data_dir = current_settings().data_dir
    is_new = not data_dir.is_dir() or not any(data_dir.iterdir())
    run_admin(lambda admin: admin.create_tenant(caller_for(), name), may_begin=True)
    if is_new:
        hint(f"there was no installation in {data_dir}; a new one is made")
    hint(f"tenant {name} is there; next: radgate key create --tenant {name} --role viewer")


@tenant.command("list")
@json_option
@config_option
def list_(as_json: bool) -> None:
    """List the tenants."""
    tenants = run_admin(lambda admin: admin.list_tenants(caller_for()))
    rows = [
        {"name": found.tenant_id, "create_time": found.create_time, "hide_rejected": found.hide_rejected}
        for found in tenants
    ]
    print_rows(rows, ("name", "create_time", "hide_rejected"), as_json=as_json)


@tenant.command("set")
@click.argument("name")
@click.option(
    "--hide-rejected/--show-rejected",
    required=True,
    help="Whether instances that a rejection note in the PACS rejects (IHE IOCM) are hidden.",
)
@config_option
def set_(name: str, hide_rejected: bool) -> None:
    """Change how the tenant NAME is set up. Running servers know within seconds."""
    run_admin(lambda admin: admin.update_tenant(caller_for(), name, hide_rejected=hide_rejected))
    hint(f"tenant {name} {'hides' if hide_rejected else 'shows'} rejected instances")


@tenant.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
def delete(name: str, yes: bool) -> None:
    """Delete the tenant NAME, its PACS, its keys' right to it and what is cached. Its audit records stay.

    A tenant with a legal hold in force is not deleted; `radgate retention release` ends one.
    """
    if not yes:
        click.confirm(f"Delete tenant {name} with its PACS?", abort=True, err=True)
    run_admin(lambda admin: admin.delete_tenant(caller_for(), name))
    hint(f"tenant {name} is deleted")
