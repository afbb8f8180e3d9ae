"""Secrets come from the environment, files or the keyboard, never from the command line, which all can read.

Or they stay where they are kept, and the command line says where.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.secrets.secret import Secret, SecretReference, SecretSource, parse_reference


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


_READERS: Mapping[str, Callable[[Any], SecretSource]] = {
    "env": from_variable,
    "file": from_file,
    "ref": from_reference,
}
"""By the last word of the option."""


def check_one_place(options: Mapping[str, Any], *names: str) -> str | None:
    """The one of the options ("password_env") that is given, None when none is. Raises click.UsageError for two."""
    given = [name for name in names if options[name] is not None]
    if len(given) > 1:
        first, second = (f"--{name.replace('_', '-')}" for name in given[:2])
        raise click.UsageError(f"{first} and {second} are two places of one secret; give one")
    return given[0] if given else None


def given_secret(options: Mapping[str, Any], *names: str) -> SecretSource | None:
    """The secret of the one of the options that is given, None when none is.

    Raises:
        click.UsageError: two are given, or the secret can't be read there.
    """
    name = check_one_place(options, *names)
    return None if name is None else _READERS[name.rpartition("_")[2]](options[name])


def removes_secret(options: Mapping[str, Any], *names: str) -> bool:
    """Whether --no-password is given, which an update has. Raises click.UsageError when one of the options is, too."""
    if not options.get("no_password"):
        return False
    for name in names:
        if options[name] is not None:
            raise click.UsageError(f"--no-password and --{name.replace('_', '-')} contradict each other; give one")
    return True


password_env_option = click.option(
    "--password-env", metavar="VAR", help="Environment variable with the password, or with what stands for one."
)
password_ref_option = click.option(
    "--password-ref",
    metavar="REF",
    help="Reference to the secret, read when it is used: env:NAME, file:/path, aws-secretsmanager:NAME[#KEY] or"
    " vault:PATH#KEY.",
)
no_password_option = click.option(
    "--no-password", is_flag=True, help="Remove the password, or what stands for one; without it, it stays."
)
