"""Options of a kind of PACS made from the fields of its connection, for kinds that declare none of their own."""

from collections.abc import Callable, Iterator
from dataclasses import MISSING, Field, fields, replace
from typing import Any, cast, get_type_hints

import click

from radgate_server.cli.pacs.secrets import (
    given_secret,
    no_password_option,
    password_env_option,
    password_ref_option,
    removes_secret,
)
from radgate_server.cli.shared.options import together
from radgate_server.core.pacs.kinds.kind import SECRET_FIELD, PacsConnection
from radgate_server.core.pacs.setup import keep_secret
from radgate_server.core.secrets.secret import NO_SECRET, SecretSource

type Options = dict[str, Any]

_TYPES = (str, int, float)
_PLACES = ("password_env", "password_ref")


def field_options(
    connection: type[PacsConnection], *, new: bool
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """An option for each field, as --max-parallel for max_parallel, and those of the secret where there is one.

    Fields are text, numbers and flags; their metadata `help` is the help text. Those without a default are required
    of a new PACS.

    Raises:
        TypeError: for a field of another type, whose kind has to declare its options.
    """
    hints = get_type_hints(connection)
    options = [_option(each, hints[each.name], new=new) for each in _settings(connection)]
    secret = (password_env_option, password_ref_option, *(() if new else (no_password_option,)))
    return together(*options, *(secret if _has_secret(connection) else ()))


def new_by_fields(connection: type[PacsConnection], options: Options) -> PacsConnection:
    """The connection of what is given, with defaults for what is not."""
    return connection(**_given(connection, options)).with_secret(_secret(connection, options))


def changed_by_fields(old: Any, options: Options) -> PacsConnection:
    """The connection with what is given in place of what it had; its secret stays unless another or none is given."""
    changed: PacsConnection = replace(old, **_given(type(old), options))
    if removes_secret(options, *_PLACES):
        return changed.with_secret(NO_SECRET)
    return keep_secret(old, changed.with_secret(_secret(type(old), options)))


def arguments_by_fields(connection: PacsConnection) -> list[str]:
    """What the options have to be for the connection; its secret is in the variable PACS_SECRET."""
    words: list[str] = []
    for each in _settings(type(connection)):
        value = getattr(connection, each.name)
        if value != each.default:
            words += [_flag(each, value)] if isinstance(value, bool) else [_dashed(each), str(value)]
    return [*words, "--password-env", "PACS_SECRET"] if connection.secret else words


def _settings(connection: type[PacsConnection]) -> Iterator[Field[Any]]:
    return (each for each in fields(cast("Any", connection)) if each.name not in ("kind", SECRET_FIELD))


def _has_secret(connection: type[PacsConnection]) -> bool:
    return any(each.name == SECRET_FIELD for each in fields(cast("Any", connection)))


def _option(each: Field[Any], of_type: Any, *, new: bool) -> Callable[[Callable[..., None]], Callable[..., None]]:
    text = each.metadata.get("help")
    if of_type is bool:
        return click.option(f"{_dashed(each)}/{_flag(each, False)}", _key(each), default=None, help=text)
    if of_type not in _TYPES:
        raise TypeError(f"no option can be made for the field {each.name}: declare the options of the kind")
    required = new and each.default is MISSING
    return click.option(_dashed(each), _key(each), type=of_type, required=required, help=text)


def _given(connection: type[PacsConnection], options: Options) -> Options:
    values = {each.name: options[_key(each)] for each in _settings(connection)}
    return {name: value for name, value in values.items() if value is not None}


def _secret(connection: type[PacsConnection], options: Options) -> SecretSource:
    if not _has_secret(connection):
        return NO_SECRET
    return given_secret(options, *_PLACES) or NO_SECRET


def _key(each: Field[Any]) -> str:
    return f"field_{each.name}"


def _dashed(each: Field[Any]) -> str:
    return f"--{each.name.replace('_', '-')}"


def _flag(each: Field[Any], value: bool) -> str:
    return _dashed(each) if value else f"--no-{each.name.replace('_', '-')}"
