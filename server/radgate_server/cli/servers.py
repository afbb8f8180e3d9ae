"""`radgate servers`: which servers share the database."""

import click

from radgate_server.cli.shared.opened import run_opened
from radgate_server.cli.shared.options import config_option, current_settings, json_option
from radgate_server.cli.shared.output import print_rows


@click.command()
@json_option
@config_option
def servers(as_json: bool) -> None:
    """List the servers that run on this database. One that was killed is listed for 15 seconds more."""
    from radgate_server.installation.servers import open_members

    members = run_opened(open_members(current_settings()), lambda registry: registry.list_members())
    rows = [
        {
            "server": member.member_id,
            "machine": member.name,
            "version": member.version,
            "ae_title": member.dicom_aet if member.listens else "",
            "since": member.start_time,
        }
        for member in members
    ]
    print_rows(rows, ("server", "machine", "version", "ae_title", "since"), as_json=as_json)
