"""`radgate secrets`: the key that the credentials of PACS are sealed under."""

from dataclasses import asdict

import click

from radgate_server.cli.shared.admin import caller_for, run_admin
from radgate_server.cli.shared.options import RadgateGroup, config_option, json_option
from radgate_server.cli.shared.output import hint, print_rows
from radgate_server.services.administration.tenants import AdminService
from radgate_server.services.secrets.administration import RewrapProgress

_REPORT_EVERY = 100


@click.group(cls=RadgateGroup)
def secrets() -> None:
    """The key that the credentials of PACS are sealed under (section `secrets` of the settings)."""


@secrets.command()
@json_option
@config_option
def status(as_json: bool) -> None:
    """List the versions of the key, and how many secrets are under each.

    What is not under the current one is wrapped again by running servers within a minute.
    """
    found = run_admin(lambda admin: admin.secrets.status(caller_for()))
    rows = [asdict(version) for version in found]
    for row in rows:
        row["state"] = "current" if row.pop("current") else "old" if row["secrets"] else "unused"
    print_rows(rows, ("version", "create_time", "state", "secrets"), as_json=as_json)
    if waiting := sum(version.secrets for version in found if not version.current):
        hint(f"{waiting} secrets are to be wrapped again")


@secrets.command()
@config_option
def rotate() -> None:
    """Make a new version of the key, or have its provider make one, and wrap all secrets again under it.

    Nothing stops meanwhile: servers use the new version at once, and the old ones for as long as something is under
    them. Interrupted, it is finished by a running server. The exit status is 1 when a secret can't be wrapped again.
    """

    async def work(admin: AdminService) -> RewrapProgress:
        version = await admin.secrets.rotate(caller_for())
        hint(f"{version} is the current key")
        return await admin.secrets.rewrap(_report)

    progress = run_admin(work)
    if progress.failed:
        raise click.ClickException(f"{progress.failed} secrets can't be wrapped again; give these PACS theirs again")


@secrets.command()
@config_option
def prune() -> None:
    """Remove permanently the versions that no secret is under.

    A version that was replaced in the last five minutes stays. Backups of the database that are older than the last
    rotation can't be opened afterwards.
    """
    removed = run_admin(lambda admin: admin.secrets.prune(caller_for()))
    for version in removed:
        click.echo(version)
    hint(f"{len(removed)} versions of the key were deleted")


def _report(progress: RewrapProgress) -> None:
    at = progress.done + progress.failed
    if at % _REPORT_EVERY == 0 or at == progress.total:
        hint(f"wrapped {progress.done} of {progress.total} secrets again")
