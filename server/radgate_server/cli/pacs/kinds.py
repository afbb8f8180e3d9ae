"""What the command line has of each kind of PACS: its options, and the connection that they make."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from radgate_server.cli.pacs.common import group_options, no_validate_option, one_pacs
from radgate_server.cli.pacs.dimse_options import changed_dimse, dimse_arguments, dimse_options, new_dimse
from radgate_server.cli.pacs.field_options import (
    arguments_by_fields,
    changed_by_fields,
    field_options,
    new_by_fields,
)
from radgate_server.cli.pacs.folder_scan import scan_with_progress
from radgate_server.cli.pacs.http_options import (
    changed_http,
    changed_orthanc,
    http_arguments,
    http_options,
    new_dicomweb,
    new_orthanc,
)
from radgate_server.cli.pacs.label_options import label_options
from radgate_server.cli.shared.options import RadgateGroup, config_option, together
from radgate_server.cli.shared.output import hint
from radgate_server.core.pacs.connections import FolderConnection, PacsConnection
from radgate_server.core.pacs.kinds.kind import ConnectionKind
from radgate_server.core.pacs.kinds.table import KINDS

type Options = dict[str, Any]
type Decorator = Callable[[Callable[..., None]], Callable[..., None]]


@dataclass(frozen=True, slots=True)
class KindOptions:
    """The options of a kind of PACS.

    `decorator` gives a command the options of a new PACS (True) or of a change, of which none is required. `new` and
    `changed` make the connection of them, `arguments` what they have to be for a connection. One that is not
    `validated` was looked at by `new`.
    """

    decorator: Callable[[bool], Decorator]
    new: Callable[[Options], PacsConnection]
    changed: Callable[[Any, Options], PacsConnection]
    arguments: Callable[[Any], list[str]]
    validated: bool = True


def _folder_options(new: bool) -> Decorator:
    path = click.option(
        "--path",
        metavar="DIR",
        type=click.Path(exists=True, file_okay=False, resolve_path=True, path_type=Path),
        required=new,
        help="Directory with DICOM files, at any depth.",
    )
    no_index = click.option(
        "--no-index", is_flag=True, help="Do not read the files now; the server does when it first needs them."
    )
    return together(path, no_index) if new else path


def _new_folder(options: Options) -> FolderConnection:
    """Reading all headers once is its validation; to validate it by the clock would fail large ones."""
    if not options["no_index"]:
        hint(asyncio.run(scan_with_progress(options["path"])))
    return FolderConnection(str(options["path"]))


def _changed_folder(old: FolderConnection, options: Options) -> FolderConnection:
    return old if options["path"] is None else replace(old, path=str(options["path"]))


OWN_OPTIONS: Mapping[str, KindOptions] = {
    "dimse": KindOptions(lambda new: dimse_options(new=new), new_dimse, changed_dimse, dimse_arguments),
    "dicomweb": KindOptions(
        lambda new: http_options(new=new, wado_uri=True), new_dicomweb, changed_http, http_arguments
    ),
    "orthanc": KindOptions(
        lambda new: together(http_options(new=new), label_options()), new_orthanc, changed_orthanc, http_arguments
    ),
    "folder": KindOptions(
        _folder_options, _new_folder, _changed_folder, lambda folder: ["--path", folder.path], validated=False
    ),
}


def options_of(kind: str) -> KindOptions:
    """The options of a kind of PACS: its own, or those that its fields make."""
    if kind in OWN_OPTIONS:
        return OWN_OPTIONS[kind]
    connection = KINDS[kind].connection
    return KindOptions(
        lambda new: field_options(connection, new=new),
        lambda options: new_by_fields(connection, options),
        changed_by_fields,
        arguments_by_fields,
    )


def _kinds() -> Mapping[str, ConnectionKind]:
    """The table of kinds, those of other packages too."""
    from radgate_server.installation.pacs_adapters import pacs_adapters

    pacs_adapters()
    return KINDS


class KindGroup(RadgateGroup):
    """One command for each kind of PACS, which `make` makes."""

    def __init__(self, *args: Any, make: Callable[[ConnectionKind], click.Command], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._make = make

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the kinds."""
        return list(_kinds())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of the kind."""
        kind = _kinds().get(cmd_name)
        return self._make(kind) if kind else None


def kind_command(kind: ConnectionKind, run: Callable[..., None], *, new: bool) -> click.Command:
    """A command with the options of one kind, and those of all PACS."""
    of_kind = options_of(kind.name)
    options = together(
        one_pacs,
        of_kind.decorator(new),
        group_options,
        *((no_validate_option,) if of_kind.validated or not new else ()),
        config_option,
    )
    return click.command(kind.name, help=f"{'Add' if new else 'Change'} {kind.title}.")(options(run))
