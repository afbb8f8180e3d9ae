"""How a PACS is reached: one tagged union, told apart by `kind`."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Literal

from radgate_server.core.pacs.labels import StudyLabels
from radgate_server.core.pacs.minimum_rate import DEFAULT_MIN_BYTES_PER_SECOND
from radgate_server.core.pacs.validation import ValidationReport
from radgate_server.core.secrets.secret import NO_SECRET, SecretSource, parse_reference

ANY_AE_TITLE = "*"
"""Among `sender_aets`: whatever it calls itself."""


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
    min_bytes_per_second: int = DEFAULT_MIN_BYTES_PER_SECOND
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
    min_bytes_per_second: int = DEFAULT_MIN_BYTES_PER_SECOND
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
    min_bytes_per_second: int = DEFAULT_MIN_BYTES_PER_SECOND
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

    One that is `confined` was given its hosts by an administrator of one tenant: each connection must lead to a public
    address, or into `pacs.allowed_networks`.
    """

    tenant_id: str
    name: str
    connection: PacsConnection
    create_time: datetime
    backup_for: str = ""
    failover: FailoverPolicy = FailoverPolicy()
    validation: ValidationReport | None = field(default=None, compare=False)
    confined: bool = False


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
    """Whether it reads files of this machine, which may be another tenant's or none for tenants at all."""
    match connection:
        case FolderConnection():
            return True
        case DimseConnection(tls=tls):
            return tls is not None and bool(tls.ca_file or tls.certificate_file or tls.private_key_file)
        case DicomWebConnection(tls=tls) | OrthancConnection(tls=tls):
            return bool(tls.ca_file or tls.certificate_file or tls.private_key_file)
