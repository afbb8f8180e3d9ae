"""`radgate auth`: what a credential is worth, and why it is refused."""

import sys
from typing import TextIO

import click

from radgate_server.cli.shared.opened import run_opened
from radgate_server.cli.shared.options import RadgateGroup, config_option, current_settings
from radgate_server.cli.shared.output import hint
from radgate_server.services.access.explanation import AuthExplainer, Explanation


@click.group(cls=RadgateGroup)
def auth() -> None:
    """Credentials of callers."""


@auth.command()
@click.option(
    "--file",
    "source",
    type=click.File("r"),
    default="-",
    help="File that holds the key or token; else stdin.",
)
@config_option
def explain(source: TextIO) -> None:
    """Say whose a key or token is and what it may do here, or why it is refused.

    It is read from stdin or a file, for arguments stay in the shell's history: `radgate auth explain < token.txt`.
    The exit status is 1 when it is refused.
    """
    if source is sys.stdin and source.isatty():
        hint("paste the key or token, and end with Ctrl-D")
    token = source.read().strip().removeprefix("Bearer ").strip()
    if not token:
        raise click.UsageError("there is no key or token")

    async def work(explainer: AuthExplainer) -> Explanation:
        return await explainer.explain(token)

    # Only here: the whole server's imports would make `--help` slow.
    from radgate_server.installation.administration import open_explainer

    found = run_opened(open_explainer(current_settings()), work)
    for what, how in found.lines:
        click.echo(f"{what}: {how}")
    if not found.accepted:
        raise click.exceptions.Exit(1)
