"""`radgate pacs`: the archives."""

import click

from radgate_server.cli.pacs.add import add
from radgate_server.cli.pacs.detect import detect
from radgate_server.cli.pacs.operate import failback, failover, remove, test, validate
from radgate_server.cli.pacs.overview import history, list_
from radgate_server.cli.pacs.update import update
from radgate_server.cli.shared.options import RadgateGroup


@click.group(cls=RadgateGroup)
def pacs() -> None:
    """Archives that Radgate stands in front of. Those added earlier take precedence."""


for _command in (add, update, list_, detect, test, validate, failover, failback, history, remove):
    pacs.add_command(_command)
