"""The options that say how a DIMSE PACS is reached, and the connection that they make."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import click

from radgate_server.cli.pacs.dimse_tls_options import FILE, changed_tls, dimse_tls_options
from radgate_server.cli.pacs.rate_option import minimum_rate_option
from radgate_server.cli.pacs.secrets import (
    check_one_place,
    from_keyboard,
    given_secret,
    no_password_option,
    password_ref_option,
    removes_secret,
)
from radgate_server.cli.shared.options import together
from radgate_server.core.pacs.connections import DimseConnection, RetrieveMethod
from radgate_server.core.pacs.kinds.dimse import MAX_ASSOCIATIONS
from radgate_server.core.pacs.setup import keep_secret
from radgate_server.core.secrets.secret import NO_SECRET, SecretSource

_FIELDS = (
    "host",
    "port",
    "called_aet",
    "calling_aet",
    "retrieve_method",
    "max_associations",
    "min_bytes_per_second",
    "username",
)
_LISTS = ("sender_aets", "sender_networks")


def dimse_options(*, new: bool) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The options of a new PACS, or those of a change, of which none is required."""
    return together(
        click.option("--host", metavar="HOST", required=new, help="Host name or IP address."),
        click.option("--port", metavar="PORT", type=click.IntRange(1, 65535), required=new, help="TCP port."),
        click.option("--called-aet", metavar="AET", required=new, help="AE title of the PACS."),
        click.option("--calling-aet", metavar="AET", required=new, help="AE title by which Radgate presents itself."),
        click.option(
            "--retrieve",
            "retrieve_method",
            type=click.Choice([method.value for method in RetrieveMethod]),
            help="Fetch with C-GET, by default, or C-MOVE.",
        ),
        click.option(
            "--max-associations",
            metavar="N",
            type=click.IntRange(1, MAX_ASSOCIATIONS),
            help="Associations open at the same time at most; 4 by default.",
        ),
        minimum_rate_option,
        click.option("--username", metavar="NAME", help="User identity (PS3.7 D.3.3.7); its password is asked for."),
        click.option(
            "--password-file", metavar="FILE", type=FILE, help="Take the password from this file's first line."
        ),
        password_ref_option,
        *(() if new else (no_password_option,)),
        dimse_tls_options,
        click.option(
            "--sender-aet",
            "sender_aets",
            metavar="AET",
            multiple=True,
            help="AE title under which the PACS sends what C-MOVE asked for, when it is not --called-aet; '*' is any.",
        ),
        click.option(
            "--sender-network",
            "sender_networks",
            metavar="CIDR",
            multiple=True,
            help="Network from which it sends that, besides the address at which it is reached.",
        ),
    )


def new_dimse(options: dict[str, Any]) -> DimseConnection:
    """Make a connection of the options, asking for the password when there is a user without a password file.

    Raises:
        click.UsageError: options that do not go together.
    """
    return DimseConnection(
        **_fields(options), tls=changed_tls(None, options), password=_password(options, "--username") or NO_SECRET
    )


def changed_dimse(old: DimseConnection, options: dict[str, Any]) -> DimseConnection:
    """Make the connection what the options say; what they do not name stays, also the password where it may.

    Raises:
        click.UsageError: options that do not go together.
        InvalidArgumentError: the password has to be given again.
    """
    if (options["password_file"] or options["password_ref"]) and not options["username"]:
        options["username"] = old.username
    removed = removes_secret(options, "password_file", "password_ref")
    given = NO_SECRET if removed else _password(options, "a user")
    changed = replace(old, **_fields(options), tls=changed_tls(old.tls, options), password=given or NO_SECRET)
    return keep_secret(old, changed) if given is None else changed


def dimse_arguments(connection: DimseConnection) -> list[str]:
    """The options that make this connection, all but the user's."""
    return [
        *("--host", connection.host, "--port", str(connection.port)),
        *("--called-aet", connection.called_aet, "--calling-aet", connection.calling_aet),
        *(("--retrieve", "move") if connection.retrieve_method is RetrieveMethod.MOVE else ()),
    ]


def _fields(options: dict[str, Any]) -> dict[str, Any]:
    given = {name: options[name] for name in _FIELDS if options[name] is not None}
    if "retrieve_method" in given:
        given["retrieve_method"] = RetrieveMethod(given["retrieve_method"])
    # One empty value empties the list.
    lists = {name: tuple(filter(None, options[name])) for name in _LISTS if options[name]}
    return given | lists


def _password(options: dict[str, Any], needed: str) -> SecretSource | None:
    """The user's password, empty for none; None without a user, who alone has one."""
    place = check_one_place(options, "password_file", "password_ref")
    if not options["username"]:
        if place is not None:
            raise click.UsageError(f"--{place.replace('_', '-')} needs {needed}")
        return None
    given = given_secret(options, "password_file", "password_ref")
    return from_keyboard("Password", may_be_empty=True) if given is None else given
