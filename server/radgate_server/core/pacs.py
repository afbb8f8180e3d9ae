"""How a PACS is reached: one tagged union, told apart by `kind`."""

import re
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from pathlib import PurePath
from typing import Literal
from urllib.parse import urlsplit

from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.labels import StudyLabels, check_labels
from radgate_server.core.networks import parse_networks
from radgate_server.core.secret import NO_SECRET, SecretSource, parse_reference
from radgate_server.core.validation import ValidationReport

_AE_TITLE = re.compile(r"[\x20-\x5b\x5d-\x7e]{1,16}")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.:_-]{0,251}[A-Za-z0-9])?|::1?")
_URL = re.compile(r"[\x21-\x7e]+")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
ANY_AE_TITLE = "*"
"""Among `sender_aets`: whatever it calls itself."""
MAX_ASSOCIATIONS = 64
MAX_SENDERS = 32
MAX_HTTP_CONNECTIONS = 256
MAX_FAILOVER_THRESHOLD = 100


class RetrieveMethod(StrEnum):
    """How a DIMSE PACS hands over instances: on the same association (C-GET) or on one of its own (C-MOVE)."""

    GET = "get"
    MOVE = "move"


class TlsProfile(StrEnum):
    """Secure transport connection profiles of PS3.15 annex B. All are of TLS 1.2 at least, and prefer 1.3."""

    BCP195 = "bcp195"
    MODIFIED = "bcp195-modified"
    NON_DOWNGRADING = "bcp195-nd"


@dataclass(frozen=True, slots=True)
class DimseTls:
    """TLS of a DIMSE connection (PS3.15 B.12); paths are PEM files on this machine, "" when not used.

    Without `ca_file` the system's authorities count. `certificate_ref` is where Radgate's certificate with its chain
    and its private key are kept together (PEM), in place of the two files. The certificate must name `server_name`, or
    the host when that is "".
    """

    ca_file: str
    certificate_file: str = ""
    private_key_file: str = ""
    verify_host: bool = True
    profile: TlsProfile = TlsProfile.BCP195
    server_name: str = ""
    certificate_ref: str = ""


@dataclass(frozen=True, slots=True)
class DimseConnection:
    """A PACS that speaks DIMSE. `password` goes with `username`; sealed wherever it is stored.

    What C-MOVE asked for it sends under one of `sender_aets` (none: `called_aet`; "*": any), from the address at which
    it is reached or from `sender_networks` (CIDR).
    """

    host: str
    port: int
    called_aet: str
    calling_aet: str
    retrieve_method: RetrieveMethod = RetrieveMethod.GET
    max_associations: int = 4
    tls: DimseTls | None = None
    username: str = ""
    password: SecretSource = NO_SECRET
    sender_aets: tuple[str, ...] = ()
    sender_networks: tuple[str, ...] = ()
    kind: Literal["dimse"] = "dimse"


@dataclass(frozen=True, slots=True)
class FolderConnection:
    """A directory of DICOM files on this machine, read-only."""

    path: str
    kind: Literal["folder"] = "folder"


class HttpAuthMethod(StrEnum):
    """How Radgate shows a web server who it is."""

    NONE = "none"
    BASIC = "basic"
    BEARER = "bearer"
    API_KEY = "api-key"
    OAUTH2 = "oauth2"


@dataclass(frozen=True, slots=True)
class HttpAuth:
    """Credentials of a web server. The one secret is `DicomWebConnection.password`, whatever the method calls it.

    `username` is the user (basic) or the client id (oauth2: client credentials, RFC 6749 4.4), `header` the header
    that carries the key (api-key), `token_url` and `scope` belong to oauth2.
    """

    method: HttpAuthMethod = HttpAuthMethod.NONE
    username: str = ""
    header: str = ""
    token_url: str = ""
    scope: str = ""


@dataclass(frozen=True, slots=True)
class HttpTls:
    """What TLS uses besides the system's authorities; paths are PEM files on this machine, "" when not used."""

    ca_file: str = ""
    certificate_file: str = ""
    private_key_file: str = ""


@dataclass(frozen=True, slots=True)
class DicomWebConnection:
    """A PACS that speaks DICOMweb (PS3.18) below `url`, such as https://pacs.example/dicom-web.

    `wado_uri_url` is where it answers WADO-URI, used for instances when WADO-RS is missing; "" when it has none.
    `password` is the secret of `auth`: password, bearer token, key or client secret; sealed wherever it is stored.
    """

    url: str
    wado_uri_url: str = ""
    auth: HttpAuth = HttpAuth()
    tls: HttpTls = HttpTls()
    max_connections: int = 8
    password: SecretSource = NO_SECRET
    kind: Literal["dicomweb"] = "dicomweb"


@dataclass(frozen=True, slots=True)
class OrthancConnection:
    """An Orthanc reached over its own REST API at `url`, such as http://orthanc.example:8042; else as DICOMweb.

    Only the studies that `labels` admit are seen through it.
    """

    url: str
    auth: HttpAuth = HttpAuth()
    tls: HttpTls = HttpTls()
    max_connections: int = 8
    labels: StudyLabels = field(default_factory=StudyLabels)
    password: SecretSource = NO_SECRET
    kind: Literal["orthanc"] = "orthanc"


type HttpConnection = DicomWebConnection | OrthancConnection
type PacsConnection = DimseConnection | FolderConnection | DicomWebConnection | OrthancConnection


@dataclass(frozen=True, slots=True)
class FailoverPolicy:
    """When the backups of a PACS take over, and when it gets its work back.

    `threshold` probes or calls in a row must fail; `failback_after_s` seconds of steady health bring it back. Disabled,
    only an operator switches over.
    """

    enabled: bool = True
    threshold: int = 3
    failback_after_s: float = 60.0


@dataclass(frozen=True, slots=True)
class PacsConfig:
    """One PACS of one tenant. PACS added earlier take precedence.

    A PACS with `backup_for` holds the same studies as the one named there, and is asked only in its place. `failover`
    is the policy of the one that has backups. `validation` is the last report, None when it was never validated.
    """

    tenant_id: str
    name: str
    connection: PacsConnection
    create_time: datetime
    backup_for: str = ""
    failover: FailoverPolicy = FailoverPolicy()
    validation: ValidationReport | None = field(default=None, compare=False)


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


def secret_of(connection: PacsConnection) -> SecretSource:
    """The connection's one secret, NO_SECRET when it has none."""
    return NO_SECRET if isinstance(connection, FolderConnection) else connection.password


def certificate_source(connection: PacsConnection) -> SecretSource:
    """Where Radgate's certificate for the PACS is kept with its key, NO_SECRET when that is in files or nowhere."""
    tls = connection.tls if isinstance(connection, DimseConnection) else None
    return (
        parse_reference(tls.certificate_ref, "dimse.tls.certificate_ref") if tls and tls.certificate_ref else NO_SECRET
    )


def with_secret(connection: PacsConnection, secret: SecretSource) -> PacsConnection:
    """The connection with another secret; NO_SECRET takes it away."""
    return connection if isinstance(connection, FolderConnection) else replace(connection, password=secret)


def urls_of(connection: HttpConnection) -> tuple[str, ...]:
    """Every URL that the connection leads to."""
    wado_uri_url = connection.wado_uri_url if isinstance(connection, DicomWebConnection) else ""
    return tuple(url for url in (connection.url, wado_uri_url, connection.auth.token_url) if url)


def is_reached_over_tls(connection: PacsConnection) -> bool:
    """Whether the PACS shows a certificate when it is reached."""
    match connection:
        case FolderConnection():
            return False
        case DimseConnection(tls=tls):
            return tls is not None
        case DicomWebConnection(url=url) | OrthancConnection(url=url):
            return url.lower().startswith("https:")


def names_private_files(connection: PacsConnection) -> bool:
    """Whether it reads from this machine what may be another tenant's: a folder of images, a client's key."""
    match connection:
        case FolderConnection():
            return True
        case DimseConnection(tls=tls):
            return tls is not None and bool(tls.certificate_file or tls.private_key_file)
        case DicomWebConnection(tls=tls) | OrthancConnection(tls=tls):
            return bool(tls.certificate_file or tls.private_key_file)


def _check_http(connection: HttpConnection) -> None:
    kind = connection.kind
    _check_url(connection.url, f"{kind}.url")
    if isinstance(connection, DicomWebConnection) and connection.wado_uri_url:
        _check_url(connection.wado_uri_url, f"{kind}.wado_uri_url")
    if isinstance(connection, OrthancConnection):
        check_labels(connection.labels, f"{kind}.labels")
    if not 1 <= connection.max_connections <= MAX_HTTP_CONNECTIONS:
        raise InvalidArgumentError(f"{kind}.max_connections", f"must be from 1 to {MAX_HTTP_CONNECTIONS}")
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
