"""Secrets come from the environment, files or the keyboard, never from the command line, which all can read.

Or they stay where they are kept, and the command line says where.
"""

import os
from pathlib import Path

import click

from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.secrets.secret import Secret, SecretReference, parse_reference


def from_variable(name: str) -> Secret:
    """The environment variable's value. Raises click.UsageError when it is not set or empty."""
    value = os.environ.get(name, "")
    if not value:
        raise click.UsageError(f"the environment variable {name} is not set")
    return Secret(value)


def from_file(file: Path) -> Secret:
    """The file's first line. Raises click.UsageError when it can't be read."""
    try:
        return Secret(file.read_text(encoding="utf-8").partition("\n")[0].rstrip("\r"))
    except (OSError, UnicodeDecodeError):
        raise click.UsageError("the password file can't be read as text") from None


def from_keyboard(what: str, *, may_be_empty: bool = False) -> Secret:
    """What a person types, unseen."""
    if may_be_empty:
        what, default = f"{what} (empty for none)", ""
    else:
        default = None
    answer: str = click.prompt(what, default=default, show_default=False, hide_input=True, err=True)
    return Secret(answer)


def from_reference(text: str) -> SecretReference:
    """Where the secret is kept. Raises click.UsageError when that is no reference."""
    try:
        return parse_reference(text, "--password-ref")
    except InvalidArgumentError as error:
        raise click.UsageError(error.message) from None


password_ref_option = click.option(
    "--password-ref",
    metavar="REF",
    help="Where the secret is kept, to be read when it is used: env:NAME, file:/path, aws-secretsmanager:NAME[#KEY] or"
    " vault:PATH#KEY.",
)
