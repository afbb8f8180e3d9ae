"""Secrets come from the environment, files or the keyboard, never from the command line, which all can read."""

import os
from pathlib import Path

import click


def from_variable(name: str) -> str:
    """The environment variable's value. Raises click.UsageError when it is not set or empty."""
    value = os.environ.get(name, "")
    if not value:
        raise click.UsageError(f"the environment variable {name} is not set")
    return value


def from_file(file: Path) -> str:
    """The file's first line. Raises click.UsageError when it can't be read."""
    try:
        return file.read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
    except (OSError, UnicodeDecodeError):
        raise click.UsageError("the password file can't be read as text") from None


def from_keyboard(what: str, *, may_be_empty: bool = False) -> str:
    """What a person types, unseen."""
    if may_be_empty:
        what, default = f"{what} (empty for none)", ""
    else:
        default = None
    answer: str = click.prompt(what, default=default, show_default=False, hide_input=True, err=True)
    return answer
