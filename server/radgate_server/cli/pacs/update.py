"""`radgate pacs update`: PACS set up anew; what is not named stays."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from radgate_server.cli.pacs.common import group_options, no_validate_option, one_pacs, print_check, set_up
from radgate_server.cli.pacs.dimse_options import changed_dimse, dimse_options
from radgate_server.cli.pacs.http_options import changed_http, changed_orthanc, http_options
from radgate_server.cli.pacs.label_options import label_options
from radgate_server.cli.shared.admin import caller_for, run_admin
from radgate_server.cli.shared.options import RadgateGroup, config_option
from radgate_server.cli.shared.output import hint
from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.pacs.connections import (
    DicomWebConnection,
    DimseConnection,
    FolderConnection,
    OrthancConnection,
    PacsConnection,
)
from radgate_server.core.pacs.setup import PacsSetup


@click.group(cls=RadgateGroup)
def update() -> None:
    """Change how a PACS is set up; options that are not given leave things as they are.

    When it is reached in another way afterwards, it has to pass its validation. A secret has to be given anew when it
    would go to another host or user. --backup-for '' makes a backup stand for itself.
    """


@update.command()
@one_pacs
@dimse_options(new=False)
@group_options
@no_validate_option
@config_option
def dimse(tenant_id: str, name: str, skip_validation: bool, **options: Any) -> None:
    """Change a PACS that speaks DIMSE."""

    def change(old: PacsConnection) -> PacsConnection:
        return changed_dimse(old, options) if isinstance(old, DimseConnection) else _refuse(name, old)

    _update(tenant_id, name, change, options, skip_validation=skip_validation)


@update.command()
@one_pacs
@http_options(new=False, wado_uri=True)
@group_options
@no_validate_option
@config_option
def dicomweb(tenant_id: str, name: str, skip_validation: bool, **options: Any) -> None:
    """Change a PACS that speaks DICOMweb."""

    def change(old: PacsConnection) -> PacsConnection:
        return changed_http(old, options) if isinstance(old, DicomWebConnection) else _refuse(name, old)

    _update(tenant_id, name, change, options, skip_validation=skip_validation)


@update.command()
@one_pacs
@http_options(new=False)
@label_options()
@group_options
@no_validate_option
@config_option
def orthanc(tenant_id: str, name: str, skip_validation: bool, **options: Any) -> None:
    """Change an Orthanc that is reached over its own REST API."""

    def change(old: PacsConnection) -> PacsConnection:
        return changed_orthanc(old, options) if isinstance(old, OrthancConnection) else _refuse(name, old)

    _update(tenant_id, name, change, options, skip_validation=skip_validation)


@update.command()
@one_pacs
@click.option(
    "--path",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, resolve_path=True, path_type=Path),
    help="Directory with DICOM files, at any depth.",
)
@group_options
@no_validate_option
@config_option
def folder(tenant_id: str, name: str, path: Path | None, skip_validation: bool, **options: Any) -> None:
    """Change a directory of DICOM files."""

    def change(old: PacsConnection) -> PacsConnection:
        if not isinstance(old, FolderConnection):
            return _refuse(name, old)
        return old if path is None else FolderConnection(str(path))

    _update(tenant_id, name, change, options, skip_validation=skip_validation)


def _update(
    tenant_id: str,
    name: str,
    change: Callable[[PacsConnection], PacsConnection],
    options: dict[str, Any],
    *,
    skip_validation: bool,
) -> None:
    def change_setup(old: PacsSetup) -> PacsSetup:
        return set_up(old, change(old.connection), options)

    run_admin(
        lambda admin: admin.pacs.update(
            caller_for(tenant_id), name, change_setup, skip_validation=skip_validation, on_check=print_check(err=True)
        )
    )
    hint(f"PACS {name} is changed")


def _refuse(name: str, connection: PacsConnection) -> PacsConnection:
    raise InvalidArgumentError("name", f"{name} is another kind of PACS: radgate pacs update {connection.kind}")
