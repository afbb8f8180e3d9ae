"""`radgate quarantine`: instances that a PACS sent and that were refused, to be looked at."""

import os
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radgate_server.cli.shared.admin import caller_for, run_admin, tenants_asked_for
from radgate_server.cli.shared.options import RadgateGroup, any_tenant_option, config_option, json_option, tenant_option
from radgate_server.cli.shared.output import hint, print_rows

if TYPE_CHECKING:
    from radgate_server.core.quarantine.refused_instance import QuarantinedInstance
    from radgate_server.services.administration.tenants import AdminService

_COLUMNS = ("tenant", "id", "receive_time", "pacs", "reason", "size_bytes", "study", "instance")


@click.group(cls=RadgateGroup)
def quarantine() -> None:
    """Instances that a PACS sent and that were refused: their bytes, for a look at them, on this machine's disk.

    They are deleted after some days (section quarantine of the settings), and by erasures. They hold patient data.
    """


@quarantine.command("list")
@any_tenant_option
@json_option
@config_option
def list_command(tenant_id: str | None, as_json: bool) -> None:
    """List them, the newest first: which instance was to come, from which PACS, and why it was refused."""
    print_rows(run_admin(lambda admin: _rows(admin, tenant_id)), _COLUMNS, as_json=as_json)


@quarantine.command()
@tenant_option
@click.argument("entry_id", metavar="ID")
@click.option(
    "--output",
    required=True,
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A new file, for this user alone.",
)
@config_option
def export(tenant_id: str, entry_id: str, output: Path) -> None:
    """Write the bytes as they came into a file; this is recorded as an access to the patient."""
    size_bytes = run_admin(lambda admin: _export(admin, tenant_id, entry_id, output))
    hint(f"wrote {size_bytes} bytes; they hold patient data, and need not be DICOM: delete them after the look")


@quarantine.command()
@tenant_option
@click.argument("entry_id", metavar="ID")
@config_option
def drop(tenant_id: str, entry_id: str) -> None:
    """Delete one of them."""
    run_admin(lambda admin: admin.quarantine.remove(caller_for(tenant_id), entry_id))


async def _rows(admin: "AdminService", tenant_id: str | None) -> list[dict[str, Any]]:
    return [
        _row(tenant, entry)
        for tenant in await tenants_asked_for(admin, tenant_id)
        for entry in await admin.quarantine.list_entries(caller_for(tenant))
    ]


def _row(tenant_id: str, entry: "QuarantinedInstance") -> dict[str, Any]:
    refused, stated = entry.refused, entry.refused.stated
    return {
        "tenant": tenant_id,
        "id": entry.entry_id,
        "receive_time": entry.receive_time,
        "pacs": refused.pacs,
        "reason": refused.reason,
        "size_bytes": entry.size_bytes,
        "study": refused.asked.study_instance_uid,
        "series": refused.asked.series_instance_uid,
        "instance": refused.asked.sop_instance_uid,
        "stated_study": stated and stated.study_instance_uid,
        "stated_series": stated and stated.series_instance_uid,
        "stated_instance": stated and stated.sop_instance_uid,
    }


async def _export(admin: "AdminService", tenant_id: str, entry_id: str, output: Path) -> int:
    await tenants_asked_for(admin, tenant_id)
    written = 0
    try:
        with os.fdopen(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            try:
                async with aclosing(admin.quarantine.read(caller_for(tenant_id), entry_id)) as pieces:
                    async for piece in pieces:
                        written += file.write(piece)
            except BaseException:
                os.unlink(output)  # noqa: PTH108 - as it was made, without waiting
                raise
    except OSError as error:
        raise click.ClickException(f"can't write {output}: {os.strerror(error.errno or 0)}") from None
    return written
