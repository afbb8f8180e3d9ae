"""`radgate pacs add`: new PACS, by their kinds."""

from typing import Any

import click

from radgate_server.cli.pacs.common import print_check, set_up
from radgate_server.cli.pacs.kinds import KindGroup, kind_command, options_of
from radgate_server.cli.shared.admin import caller_for, run_admin
from radgate_server.cli.shared.output import hint
from radgate_server.core.pacs.kinds.kind import ConnectionKind


def _command(kind: ConnectionKind) -> click.Command:
    of_kind = options_of(kind.name)

    def add_pacs(tenant_id: str, name: str, skip_validation: bool = not of_kind.validated, **options: Any) -> None:
        setup = set_up(None, of_kind.new(options), options)
        run_admin(
            lambda admin: admin.pacs.create(
                caller_for(tenant_id), name, setup, skip_validation=skip_validation, on_check=print_check(err=True)
            )
        )
        hint(f"PACS {name} is added")

    return kind_command(kind, add_pacs, new=True)


@click.group(cls=KindGroup, make=_command)
def add() -> None:
    """Add a PACS to a tenant, once it has passed its validation."""
