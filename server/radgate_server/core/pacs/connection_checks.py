"""What is wrong with how a PACS is said to be reached. Each check names the first field that is not usable."""

import re
from dataclasses import replace
from pathlib import PurePath
from urllib.parse import urlsplit

from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.networks import parse_networks
from radgate_server.core.pacs.connections import (
    DicomWebConnection,
    DimseConnection,
    DimseTls,
    FailoverPolicy,
    FolderConnection,
    HttpAuth,
    HttpAuthMethod,
    HttpConnection,
    OrthancConnection,
    PacsConnection,
)
from radgate_server.core.pacs.labels import check_labels
from radgate_server.core.pacs.minimum_rate import MAX_MIN_BYTES_PER_SECOND
from radgate_server.core.secrets.secret import SecretSource, parse_reference

MAX_ASSOCIATIONS = 64
MAX_SENDERS = 32
MAX_HTTP_CONNECTIONS = 256
MAX_FAILOVER_THRESHOLD = 100
_AE_TITLE = re.compile(r"[\x20-\x5b\x5d-\x7e]{1,16}")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.:_-]{0,251}[A-Za-z0-9])?|::1?")
_URL = re.compile(r"[\x21-\x7e]+")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_HEADERS_OF_HTTP = frozenset(
    ("connection", "content-length", "expect", "host", "te", "trailer", "transfer-encoding", "upgrade")
)
"""They say where a message goes and where it ends (RFC 9110, 9112), which is not for a tenant to say."""
_AUTH_FIELDS = frozenset({"username", "header", "token_url", "scope"})
_AUTH_NEEDS: dict[HttpAuthMethod, frozenset[str]] = {
    HttpAuthMethod.NONE: frozenset(),
    HttpAuthMethod.BASIC: frozenset({"username"}),
    HttpAuthMethod.BEARER: frozenset(),
    HttpAuthMethod.API_KEY: frozenset({"header"}),
    HttpAuthMethod.OAUTH2: frozenset({"username", "token_url"}),
}


def parse_ae_title(value: str, field_name: str) -> str:
    """Return the AE title without its padding (PS3.5 6.2, VR AE: 1 to 16 characters, no backslash, not all spaces).

    Raises:
        InvalidArgumentError: naming `field_name`.
    """
    stripped = value.strip(" ")
    if not _AE_TITLE.fullmatch(stripped):
        raise InvalidArgumentError(field_name, "an AE title has 1 to 16 printable ASCII characters, no backslash")
    return stripped


def check_connection(connection: PacsConnection) -> PacsConnection:
    """Return the connection with its AE titles stripped if every field is usable.

    Raises:
        InvalidArgumentError: naming the first field that is not.
    """
    match connection:
        case DimseConnection():
            return _check_dimse(connection)
        case FolderConnection(path=path):
            if not PurePath(path).is_absolute():
                raise InvalidArgumentError("folder.path", "must be an absolute path on the server's machine")
            return connection
        case DicomWebConnection() | OrthancConnection():
            _check_http(connection)
            return connection


def check_failover(policy: FailoverPolicy) -> FailoverPolicy:
    """Return the policy if its numbers are usable. Raises InvalidArgumentError, naming the first that is not."""
    if not 1 <= policy.threshold <= MAX_FAILOVER_THRESHOLD:
        raise InvalidArgumentError("failover.threshold", f"must be from 1 to {MAX_FAILOVER_THRESHOLD}")
    if not 0 <= policy.failback_after_s <= 86_400:
        raise InvalidArgumentError("failover.failback_after_s", "must be from 0 to 86400 seconds")
    return policy


def _check_http(connection: HttpConnection) -> None:
    kind = connection.kind
    _check_url(connection.url, f"{kind}.url")
    if isinstance(connection, DicomWebConnection) and connection.wado_uri_url:
        _check_url(connection.wado_uri_url, f"{kind}.wado_uri_url")
    if isinstance(connection, OrthancConnection):
        check_labels(connection.labels, f"{kind}.labels")
    if not 1 <= connection.max_connections <= MAX_HTTP_CONNECTIONS:
        raise InvalidArgumentError(f"{kind}.max_connections", f"must be from 1 to {MAX_HTTP_CONNECTIONS}")
    _check_rate(connection.min_bytes_per_second, kind)
    if bool(connection.tls.certificate_file) != bool(connection.tls.private_key_file):
        raise InvalidArgumentError(f"{kind}.tls", "certificate_file and private_key_file go together")
    _check_auth(kind, connection.auth, connection.password)


def _check_auth(kind: str, auth: HttpAuth, secret: SecretSource) -> None:
    needed = _AUTH_NEEDS[auth.method]
    for name in needed:
        if not getattr(auth, name):
            raise InvalidArgumentError(f"{kind}.auth.{name}", f"must be given for the method {auth.method.value}")
    for name in _AUTH_FIELDS - needed:
        if getattr(auth, name) and not (auth.method is HttpAuthMethod.OAUTH2 and name == "scope"):
            raise InvalidArgumentError(f"{kind}.auth.{name}", f"means nothing for the method {auth.method.value}")
    if bool(secret) != (auth.method is not HttpAuthMethod.NONE):
        text = "must be given" if auth.method is not HttpAuthMethod.NONE else "means nothing without a method of auth"
        raise InvalidArgumentError(f"{kind}.password", text)
    if auth.header and (not _HEADER.fullmatch(auth.header) or auth.header.lower() in _HEADERS_OF_HTTP):
        raise InvalidArgumentError(f"{kind}.auth.header", "must be the name of an HTTP header that is free for a key")
    if auth.token_url:
        _check_url(auth.token_url, f"{kind}.auth.token_url")


def _check_url(url: str, field_name: str) -> None:
    try:
        parts = urlsplit(url)
        names_host = bool(_HOST.fullmatch(parts.hostname or "")) and parts.port != 0
        usable = names_host and parts.scheme in ("http", "https") and bool(_URL.fullmatch(url))
    except ValueError:
        usable = False
    if not usable:
        raise InvalidArgumentError(field_name, "must be an http or https URL such as https://pacs.example/dicom-web")
    if parts.username is not None or parts.query or parts.fragment:
        raise InvalidArgumentError(field_name, "must hold no user, query or fragment; credentials have their own field")


def _check_dimse(connection: DimseConnection) -> DimseConnection:
    if not _HOST.fullmatch(connection.host):
        raise InvalidArgumentError("dimse.host", "must be a host name or an IP address")
    if not 1 <= connection.port <= 65535:
        raise InvalidArgumentError("dimse.port", "must be from 1 to 65535")
    if not 1 <= connection.max_associations <= MAX_ASSOCIATIONS:
        raise InvalidArgumentError("dimse.max_associations", f"must be from 1 to {MAX_ASSOCIATIONS}")
    _check_rate(connection.min_bytes_per_second, "dimse")
    if connection.password and not connection.username:
        raise InvalidArgumentError("dimse.username", "must be given with a password")
    if connection.tls is not None:
        _check_dimse_tls(connection.tls)
    return replace(
        connection,
        called_aet=parse_ae_title(connection.called_aet, "dimse.called_aet"),
        calling_aet=parse_ae_title(connection.calling_aet, "dimse.calling_aet"),
        sender_aets=tuple(parse_ae_title(each, "dimse.sender_aets") for each in connection.sender_aets),
        sender_networks=_check_networks(connection.sender_networks, "dimse.sender_networks"),
    )


def _check_rate(bytes_per_s: int, kind: str) -> None:
    if not 0 <= bytes_per_s <= MAX_MIN_BYTES_PER_SECOND:
        raise InvalidArgumentError(f"{kind}.min_bytes_per_second", f"must be from 0 to {MAX_MIN_BYTES_PER_SECOND}")


def _check_dimse_tls(tls: DimseTls) -> None:
    if tls.certificate_ref:
        parse_reference(tls.certificate_ref, "dimse.tls.certificate_ref")
        if tls.certificate_file or tls.private_key_file:
            raise InvalidArgumentError("dimse.tls.certificate_ref", "can't be given together with files of it")
    if tls.private_key_file and not tls.certificate_file:
        raise InvalidArgumentError("dimse.tls.certificate_file", "must be given with a private key")
    if tls.server_name and not _HOST.fullmatch(tls.server_name):
        raise InvalidArgumentError("dimse.tls.server_name", "must be a host name or an IP address")


def _check_networks(networks: tuple[str, ...], field_name: str) -> tuple[str, ...]:
    if len(networks) > MAX_SENDERS:
        raise InvalidArgumentError(field_name, f"can't be more than {MAX_SENDERS}")
    try:
        parse_networks(networks)
    except ValueError as error:
        raise InvalidArgumentError(field_name, str(error)) from None
    return networks
