"""`radgate pacs`: the archives."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from radgate_server.cli.admin import caller_for, run_admin, tenants_asked_for
from radgate_server.cli.dimse_options import connection_options, make_connection
from radgate_server.cli.folder_scan import scan_with_progress
from radgate_server.cli.options import (
    RadgateGroup,
    any_tenant_option,
    config_option,
    json_option,
    tenant_option,
    together,
)
from radgate_server.cli.output import hint, print_rows
from radgate_server.core.pacs import (
    DicomWebConnection,
    DimseConnection,
    FolderConnection,
    OrthancConnection,
    PacsConfig,
    PacsConnection,
)
from radgate_server.core.pacs_setup import PacsSetup
from radgate_server.services.admin import AdminService

name_option = click.option("--name", metavar="NAME", required=True, help="Name of the PACS within its tenant.")
one_pacs = together(tenant_option, name_option)


@click.group(cls=RadgateGroup)
def pacs() -> None:
    """Archives that Radgate stands in front of. Those added earlier take precedence."""


@pacs.group(cls=RadgateGroup)
def add() -> None:
    """Add a PACS to a tenant."""


@add.command()
@one_pacs
@connection_options
@config_option
def dimse(tenant_id: str, name: str, **options: Any) -> None:
    """Add a PACS that speaks DIMSE (C-FIND with C-GET or C-MOVE).

    For --retrieve move the PACS must know Radgate's storage SCP: AE title RADGATE_DICOM_AET at port RADGATE_DICOM_PORT
    of an address that it can reach (RADGATE_HOST). Instances come over TLS only with the settings
    dimse.scp_certificate_file and dimse.scp_ca_file.
    """
    _add(tenant_id, name, make_connection(**options))
    hint(f"next: radgate pacs test --tenant {tenant_id} --name {name}")


@add.command()
@one_pacs
@click.option(
    "--path",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, resolve_path=True, path_type=Path),
    required=True,
    help="Directory with DICOM files, at any depth.",
)
@click.option("--no-index", is_flag=True, help="Do not read the files now; the server does when it first needs them.")
@config_option
def folder(tenant_id: str, name: str, path: Path, no_index: bool) -> None:
    """Add a directory of DICOM files as a read-only PACS, after reading all their headers once."""
    if not no_index:
        hint(asyncio.run(scan_with_progress(path)))
    _add(tenant_id, name, FolderConnection(str(path)))


@pacs.command("list")
@any_tenant_option
@json_option
@config_option
def list_(tenant_id: str | None, as_json: bool) -> None:
    """List PACS in order of precedence, without passwords."""
    found = run_admin(lambda admin: _find_pacs(admin, tenant_id))
    rows = [_json_row(config) if as_json else _table_row(config) for config in found]
    print_rows(rows, ("tenant", "name", "kind", "where", "create_time"), as_json=as_json)


@pacs.command()
@one_pacs
@config_option
def test(tenant_id: str, name: str) -> None:
    """Ask a PACS for a sign of life (C-ECHO, or reading the folder)."""
    report = run_admin(lambda admin: admin.pacs.test(caller_for(tenant_id), name))
    click.echo(f"{name} answered in {report.latency_ms:.1f} ms" + (f": {report.detail}" if report.detail else ""))


@pacs.command()
@one_pacs
@config_option
def remove(tenant_id: str, name: str) -> None:
    """Remove a PACS from its tenant, and what is cached for the tenant."""
    run_admin(lambda admin: admin.pacs.delete(caller_for(tenant_id), name))
    hint(f"PACS {name} is gone")


def _add(tenant_id: str, name: str, connection: PacsConnection) -> None:
    run_admin(lambda admin: admin.pacs.create(caller_for(tenant_id), name, PacsSetup(connection), skip_validation=True))
    hint(f"PACS {name} is there")


async def _find_pacs(admin: AdminService, tenant_id: str | None) -> Sequence[PacsConfig]:
    tenants = await tenants_asked_for(admin, tenant_id)
    return [found.config for tenant in tenants for found in await admin.pacs.list_all(caller_for(tenant))]


def _table_row(config: PacsConfig) -> dict[str, Any]:
    return {
        "tenant": config.tenant_id,
        "name": config.name,
        "kind": config.connection.kind,
        "where": _where(config.connection),
        "create_time": config.create_time,
    }


def _where(connection: PacsConnection) -> str:
    match connection:
        case DimseConnection(host=host, port=port, called_aet=called_aet, retrieve_method=method):
            return f"{called_aet}@{host}:{port} (C-{method.value.upper()})"
        case FolderConnection(path=path):
            return path
        case DicomWebConnection(url=url) | OrthancConnection(url=url):
            return url


def _json_row(config: PacsConfig) -> dict[str, Any]:
    connection = {name: value for name, value in asdict(config.connection).items() if name != "password"}
    return {"tenant": config.tenant_id, "name": config.name, **connection, "create_time": config.create_time}
