"""The options that say how a PACS is reached over HTTP, and the connection that they make."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import click

from radgate_server.cli.pacs.dimse_tls_options import FILE
from radgate_server.cli.pacs.label_options import changed_labels
from radgate_server.cli.pacs.rate_option import minimum_rate_option
from radgate_server.cli.pacs.secrets import (
    check_one_place,
    from_keyboard,
    given_secret,
    no_password_option,
    password_env_option,
    password_ref_option,
    removes_secret,
)
from radgate_server.cli.shared.options import together
from radgate_server.core.pacs.connections import (
    DicomWebConnection,
    HttpAuth,
    HttpAuthMethod,
    HttpConnection,
    HttpTls,
    OrthancConnection,
)
from radgate_server.core.pacs.kinds.web import MAX_HTTP_CONNECTIONS
from radgate_server.core.pacs.labels import StudyLabels
from radgate_server.core.pacs.setup import keep_secret
from radgate_server.core.secrets.secret import NO_SECRET, SecretSource


@dataclass(frozen=True, slots=True)
class _AuthMethodOptions:
    """One way to show who one is: its options by the field of HttpAuth that they fill, and the secret's variable."""

    method: HttpAuthMethod
    fields: Mapping[str, str]
    secret: str
    optional: frozenset[str] = frozenset()

    @property
    def options(self) -> tuple[str, ...]:
        """All its options."""
        return (*self.fields, self.secret)


_AUTH_METHODS = (
    _AuthMethodOptions(HttpAuthMethod.BASIC, {"username": "username"}, "password_env", frozenset({"password_env"})),
    _AuthMethodOptions(HttpAuthMethod.BEARER, {}, "bearer_env"),
    _AuthMethodOptions(HttpAuthMethod.API_KEY, {"api_key_header": "header"}, "api_key_env"),
    _AuthMethodOptions(
        HttpAuthMethod.OAUTH2,
        {"oauth2_token_url": "token_url", "client_id": "username", "scope": "scope"},
        "client_secret_env",
        frozenset({"scope"}),
    ),
)
_FIELDS = ("url", "wado_uri_url", "max_connections", "min_bytes_per_second")
_TLS = {"ca": "ca_file", "cert": "certificate_file", "key": "private_key_file"}


def http_options(*, new: bool, wado_uri: bool = False) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The options of a new PACS, or those of a change, of which none is required."""
    wado_uri_option = click.option(
        "--wado-uri-url", metavar="URL", help="Where it answers WADO-URI, if it has no WADO-RS."
    )
    return together(
        click.option("--url", metavar="URL", required=new, help="Root of its services, http or https."),
        *((wado_uri_option,) if wado_uri else ()),
        click.option("--bearer-env", metavar="VAR", help="Environment variable with a bearer token."),
        click.option("--username", metavar="NAME", help="User; the password is asked for without --password-env."),
        password_env_option,
        click.option("--api-key-header", metavar="HEADER", help="Header that carries an API key."),
        click.option("--api-key-env", metavar="VAR", help="Environment variable with the API key."),
        click.option("--oauth2-token-url", metavar="URL", help="Endpoint that issues OAuth 2.0 tokens."),
        click.option("--client-id", metavar="ID", help="OAuth 2.0 client."),
        click.option("--client-secret-env", metavar="VAR", help="Environment variable with the client's secret."),
        password_ref_option,
        *(() if new else (no_password_option,)),
        click.option("--scope", metavar="SCOPES", help="OAuth 2.0 scopes, separated by spaces."),
        click.option("--ca", metavar="FILE", type=FILE, help="Trust these authorities besides the system's (PEM)."),
        click.option("--cert", metavar="FILE", type=FILE, help="Radgate's certificate, for mutual TLS (PEM)."),
        click.option("--key", metavar="FILE", type=FILE, help="The certificate's private key (PEM)."),
        click.option(
            "--max-connections",
            metavar="N",
            type=click.IntRange(1, MAX_HTTP_CONNECTIONS),
            help="Connections open at the same time at most; 8 by default.",
        ),
        minimum_rate_option,
    )


def new_dicomweb(options: dict[str, Any]) -> DicomWebConnection:
    """Make a connection of the options. Raises click.UsageError for options that do not go together."""
    return _changed(DicomWebConnection(""), options)


def new_orthanc(options: dict[str, Any]) -> OrthancConnection:
    """Make a connection of the options. Raises click.UsageError for options that do not go together."""
    return replace(_changed(OrthancConnection(""), options), labels=changed_labels(StudyLabels(), options))


def changed_orthanc(old: OrthancConnection, options: dict[str, Any]) -> OrthancConnection:
    """As `changed_http`, with the labels."""
    return replace(changed_http(old, options), labels=changed_labels(old.labels, options))


def changed_http[Connection: (DicomWebConnection, OrthancConnection)](
    old: Connection, options: dict[str, Any]
) -> Connection:
    """Make the connection what the options say; what they do not name stays, also the secret where it may.

    Raises:
        click.UsageError: options that do not go together.
        InvalidArgumentError: the secret has to be given again.
    """
    return keep_secret(old, _changed(old, options))


def http_arguments(connection: HttpConnection) -> list[str]:
    """The options that make this connection, with a name of a variable in place of the secret."""
    auth = connection.auth
    method_options = next(
        (method_options for method_options in _AUTH_METHODS if method_options.method is auth.method), None
    )
    wado_uri_url = connection.wado_uri_url if isinstance(connection, DicomWebConnection) else ""
    arguments = ["--url", connection.url, *(("--wado-uri-url", wado_uri_url) if wado_uri_url else ())]
    if method_options is not None:
        for option, field in method_options.fields.items():
            arguments += [_flag(option), getattr(auth, field)] if getattr(auth, field) else []
        arguments += [_flag(method_options.secret), "PACS_SECRET"]
    return arguments


def _changed[Connection: (DicomWebConnection, OrthancConnection)](
    old: Connection, options: dict[str, Any]
) -> Connection:
    given = {name: options[name] for name in _FIELDS if options.get(name) is not None}
    auth, secret = _credentials(old.auth, options)
    return replace(old, **given, auth=auth, tls=_tls(old.tls, options), password=secret)


def _credentials(old: HttpAuth, options: dict[str, Any]) -> tuple[HttpAuth, SecretSource]:
    if removes_secret(options, *(option for method in _AUTH_METHODS for option in method.options), "password_ref"):
        return HttpAuth(), NO_SECRET  # no method goes without a secret
    reference = options["password_ref"]
    methods = [
        method_options
        for method_options in _AUTH_METHODS
        if any(options[option] is not None for option in method_options.options)
    ]
    if not methods and reference is not None:  # of the method that there is; alone it stands for a bearer token
        method = HttpAuthMethod.BEARER if old.method is HttpAuthMethod.NONE else old.method
        methods = [method_options for method_options in _AUTH_METHODS if method_options.method is method]
    if not methods:
        return old, NO_SECRET
    if len(methods) > 1:
        first, second = (
            next(option for option in method_options.options if options[option] is not None)
            for method_options in methods[:2]
        )
        raise click.UsageError(f"{_flag(first)} and {_flag(second)} are of different kinds of credentials; give one")
    method_options = methods[0]
    same_method = method_options.method is old.method
    check_one_place(options, method_options.secret, "password_ref")
    optional = method_options.optional if reference is None else method_options.optional | {method_options.secret}
    for option in method_options.options:
        if options[option] is None and option not in optional and not same_method:
            raise click.UsageError(f"{_flag(option)} must be given too")
    given = {field: options[option] for option, field in method_options.fields.items() if options[option] is not None}
    auth = replace(old if same_method else HttpAuth(method_options.method), **given)
    return auth, _secret(method_options, options)


def _secret(method_options: _AuthMethodOptions, options: dict[str, Any]) -> SecretSource:
    given = given_secret(options, method_options.secret, "password_ref")
    if given is not None:
        return given
    return from_keyboard("Password") if method_options.method is HttpAuthMethod.BASIC else NO_SECRET


def _tls(old: HttpTls, options: dict[str, Any]) -> HttpTls:
    if (options["cert"] is None) != (options["key"] is None):
        raise click.UsageError("--cert and --key go together")
    return replace(old, **{field: str(options[name]) for name, field in _TLS.items() if options[name] is not None})


def _flag(option: str) -> str:
    return "--" + option.replace("_", "-")
