"""`radgate audit import-spool`: records that a lost server left reach the chain."""

from pathlib import Path

import click

from radgate_server.cli.audit.running import run_on_trail
from radgate_server.cli.shared.options import config_option


@click.command("import-spool")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@config_option
def import_spool(folder: Path) -> None:
    """Commit what lies in FOLDER, the audit-spool of a server that does not come back.

    Records that the trail has already are left out, and files are removed as they are committed.
    """
    from radgate_server.installation.audit_tools import open_spool_import

    count = run_on_trail(open_spool_import, lambda commit: commit(folder))
    click.echo(f"{count} records were added to the trail")
