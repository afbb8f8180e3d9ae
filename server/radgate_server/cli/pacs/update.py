"""`radgate pacs update`: PACS set up again; what is not named stays."""

from typing import Any

import click

from radgate_server.cli.pacs.common import print_check, set_up
from radgate_server.cli.pacs.kinds import KindGroup, kind_command, options_of
from radgate_server.cli.shared.admin import caller_for, run_admin
from radgate_server.cli.shared.output import hint
from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.pacs.kinds.kind import ConnectionKind
from radgate_server.core.pacs.setup import PacsSetup


def _command(kind: ConnectionKind) -> click.Command:
    of_kind = options_of(kind.name)

    def update_pacs(tenant_id: str, name: str, skip_validation: bool, **options: Any) -> None:
        def change(old: PacsSetup) -> PacsSetup:
            if old.connection.kind != kind.name:
                text = f"{name} is another kind of PACS: radgate pacs update {old.connection.kind}"
                raise InvalidArgumentError("name", text)
            if old.connection.unusable:
                raise InvalidArgumentError("name", old.connection.unusable)
            return set_up(old, of_kind.changed(old.connection, options), options)

        run_admin(
            lambda admin: admin.pacs.update(
                caller_for(tenant_id), name, change, skip_validation=skip_validation, on_check=print_check(err=True)
            )
        )
        hint(f"PACS {name} is changed")

    return kind_command(kind, update_pacs, new=False)


@click.group(cls=KindGroup, make=_command)
def update() -> None:
    """Change how a PACS is set up; options that are not given leave things as they are.

    When it is reached in another way afterwards, it has to pass its validation. A secret has to be given again when it
    would go to another host or user. --backup-for '' makes a backup stand for itself.
    """
