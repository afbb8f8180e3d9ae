"""What PACS that are reached over HTTP have in common."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Self, override
from urllib.parse import urlsplit

from radgate_server.core.errors import (
    GatewayError,
    InvalidArgumentError,
    PacsAbortedError,
    PacsTimeoutError,
    PacsUnreachableError,
)
from radgate_server.core.pacs.kinds.checks import check_range, check_rate, check_url
from radgate_server.core.pacs.kinds.kind import CertificateFiles, DetectTarget, Hint, PacsConnection
from radgate_server.core.pacs.minimum_rate import DEFAULT_MIN_BYTES_PER_SECOND
from radgate_server.core.secrets.secret import NO_SECRET, SecretSource

MAX_HTTP_CONNECTIONS = 256
_DEFAULT_PORTS = {"http": 80, "https": 443}
_NOT_SPOKEN = (PacsUnreachableError, PacsTimeoutError, PacsAbortedError)
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_HEADERS_OF_HTTP = frozenset(
    ("connection", "content-length", "expect", "host", "te", "trailer", "transfer-encoding", "upgrade")
)
"""They say where a message goes and where it ends (RFC 9110, 9112), which is not for a tenant to say."""


class HttpAuthMethod(StrEnum):
    """How Radgate shows a web server who it is."""

    NONE = "none"
    BASIC = "basic"
    BEARER = "bearer"
    API_KEY = "api-key"
    OAUTH2 = "oauth2"


_AUTH_FIELDS = frozenset({"username", "header", "token_url", "scope"})
_AUTH_NEEDS: dict[HttpAuthMethod, frozenset[str]] = {
    HttpAuthMethod.NONE: frozenset(),
    HttpAuthMethod.BASIC: frozenset({"username"}),
    HttpAuthMethod.BEARER: frozenset(),
    HttpAuthMethod.API_KEY: frozenset({"header"}),
    HttpAuthMethod.OAUTH2: frozenset({"username", "token_url"}),
}


@dataclass(frozen=True, slots=True)
class HttpAuth:
    """Credentials of a web server. The one secret is the connection's `password`, whatever the method calls it.

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
class HttpConnection(PacsConnection):
    """A PACS that is reached over HTTP at `url`.

    `password` is the secret of `auth`: password, bearer token, key or client secret; sealed wherever it is stored.
    """

    url: str
    auth: HttpAuth = HttpAuth()
    tls: HttpTls = HttpTls()
    max_connections: int = 8
    min_bytes_per_second: int = DEFAULT_MIN_BYTES_PER_SECOND
    password: SecretSource = NO_SECRET

    @property
    def url_fields(self) -> Mapping[str, str]:
        """Every URL that the connection leads to, by its field; "" for those that it has not."""
        return {"url": self.url, "auth.token_url": self.auth.token_url}

    @property
    def urls(self) -> tuple[str, ...]:
        """Every URL that the connection leads to."""
        return tuple(url for url in self.url_fields.values() if url)

    @override
    def checked(self) -> Self:
        kind = self.kind
        check_url(self.url, f"{kind}.url")
        check_range(self.max_connections, 1, MAX_HTTP_CONNECTIONS, f"{kind}.max_connections")
        check_rate(self.min_bytes_per_second, f"{kind}.min_bytes_per_second")
        if bool(self.tls.certificate_file) != bool(self.tls.private_key_file):
            raise InvalidArgumentError(f"{kind}.tls", "certificate_file and private_key_file go together")
        _check_auth(kind, self.auth, self.password)
        return self

    @property
    @override
    def endpoint(self) -> str:
        """Of all its URLs.

        A tenant that has its tokens from a slow server of its own must not wait for them in places that others need.
        """
        return " ".join(dict.fromkeys(map(_server, self.urls)))

    @property
    @override
    def place(self) -> tuple[str, ...]:
        return (self.url,)

    @property
    @override
    def summary(self) -> str:
        return self.url

    @property
    @override
    def max_parallel(self) -> int:
        return self.max_connections

    @property
    @override
    def uses_secret(self) -> bool:
        return self.auth.method is not HttpAuthMethod.NONE

    @property
    @override
    def secret_recipient(self) -> Mapping[str, object]:
        return {
            "url": self.url,
            "auth.method": self.auth.method,
            "auth.username": self.auth.username,
            "auth.header": self.auth.header,
            **self.url_fields,
            "tls.ca_file": self.tls.ca_file,
        }

    @property
    @override
    def certificate_files(self) -> CertificateFiles:
        return CertificateFiles(self.tls.certificate_file, self.tls.ca_file)

    @property
    @override
    def over_tls(self) -> bool:
        return self.url.lower().startswith("https:")

    @property
    @override
    def reads_private_files(self) -> bool:
        return bool(self.tls.ca_file or self.tls.certificate_file or self.tls.private_key_file)

    @property
    @override
    def hosts(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(urlsplit(url).hostname or "" for url in self.urls))

    @property
    @override
    def target(self) -> str:
        return self.url

    @property
    @override
    def server(self) -> str:
        """Several paths of one web server lead to the same PACS."""
        return urlsplit(self.url).scheme


def web_bases(target: DetectTarget, port: int) -> Mapping[str, str]:
    """The roots of the web servers that may be at a port, by their schemes; HTTPS first."""
    host = f"[{target.host}]" if ":" in target.host else target.host
    return {
        scheme: f"{scheme}://{host}" if port == _DEFAULT_PORTS[scheme] else f"{scheme}://{host}:{port}"
        for scheme in ("https", "http")
    }


def web_auth(target: DetectTarget) -> HttpAuth:
    """How the credentials of a detection are shown to a web server."""
    if not target.secret:
        return HttpAuth()
    method = HttpAuthMethod.BASIC if target.username else HttpAuthMethod.BEARER
    return HttpAuth(method, username=target.username)


def http_continues_after(failure: GatewayError | None) -> bool:
    """Another path helps whenever HTTP is spoken: an Orthanc has DICOMweb too."""
    return not isinstance(failure, _NOT_SPOKEN)


CREDENTIALS_HINT = Hint(
    kinds=("orthanc", "dicomweb"),
    reason="PACS_CREDENTIALS_REFUSED",
    text="a web server requires credentials: detect again with user and password, or with a token",
)


def _server(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or _DEFAULT_PORTS[parts.scheme]}"


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
        check_url(auth.token_url, f"{kind}.auth.token_url")
