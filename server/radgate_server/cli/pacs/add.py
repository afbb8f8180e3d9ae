"""`radgate pacs add`: new PACS, by what they speak."""

import asyncio
from pathlib import Path
from typing import Any

import click

from radgate_server.cli.pacs.common import group_options, no_validate_option, one_pacs, print_check, set_up
from radgate_server.cli.pacs.dimse_options import dimse_options, new_dimse
from radgate_server.cli.pacs.folder_scan import scan_with_progress
from radgate_server.cli.pacs.http_options import http_options, new_dicomweb, new_orthanc
from radgate_server.cli.pacs.label_options import label_options
from radgate_server.cli.shared.admin import caller_for, run_admin
from radgate_server.cli.shared.options import RadgateGroup, config_option
from radgate_server.cli.shared.output import hint
from radgate_server.core.pacs.connections import FolderConnection, PacsConnection


@click.group(cls=RadgateGroup)
def add() -> None:
    """Add a PACS to a tenant, once it has passed its validation."""


@add.command()
@one_pacs
@dimse_options(new=True)
@group_options
@no_validate_option
@config_option
def dimse(tenant_id: str, name: str, skip_validation: bool, **options: Any) -> None:
    """Add a PACS that speaks DIMSE: C-FIND, and C-GET or C-MOVE."""
    _add(tenant_id, name, new_dimse(options), options, skip_validation=skip_validation)


@add.command()
@one_pacs
@http_options(new=True, wado_uri=True)
@group_options
@no_validate_option
@config_option
def dicomweb(tenant_id: str, name: str, skip_validation: bool, **options: Any) -> None:
    """Add a PACS that speaks DICOMweb: QIDO-RS, and WADO-RS or WADO-URI."""
    _add(tenant_id, name, new_dicomweb(options), options, skip_validation=skip_validation)


@add.command()
@one_pacs
@http_options(new=True)
@label_options()
@group_options
@no_validate_option
@config_option
def orthanc(tenant_id: str, name: str, skip_validation: bool, **options: Any) -> None:
    """Add an Orthanc, over its own REST API."""
    _add(tenant_id, name, new_orthanc(options), options, skip_validation=skip_validation)


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
@group_options
@config_option
def folder(tenant_id: str, name: str, path: Path, no_index: bool, **options: Any) -> None:
    """Add a directory of DICOM files as a read-only PACS, after reading all their headers once."""
    if not no_index:
        hint(asyncio.run(scan_with_progress(path)))
    # Reading it was its validation; to validate it by the clock would fail large ones.
    _add(tenant_id, name, FolderConnection(str(path)), options, skip_validation=True)


def _add(
    tenant_id: str, name: str, connection: PacsConnection, options: dict[str, Any], *, skip_validation: bool
) -> None:
    setup = set_up(None, connection, options)
    run_admin(
        lambda admin: admin.pacs.create(
            caller_for(tenant_id), name, setup, skip_validation=skip_validation, on_check=print_check(err=True)
        )
    )
    hint(f"PACS {name} is there")
