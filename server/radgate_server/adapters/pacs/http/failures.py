"""What failures of HTTP mean to the caller, by exception and by status. No text of the server passes."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import httpcore
import httpx

from radgate_server.adapters.pacs.destinations import REFUSED, AddressRefusedError
from radgate_server.core.errors import (
    PacsAbortedError,
    PacsBusyError,
    PacsCredentialsError,
    PacsError,
    PacsFailedError,
    PacsTimeoutError,
    PacsUnreachableError,
)

_EXCEPTIONS: dict[type[Exception], tuple[type[PacsError], str]] = {
    # the most special ones first
    httpcore.PoolTimeout: (PacsBusyError, "all connections to the PACS are in use"),
    httpcore.ConnectTimeout: (PacsUnreachableError, "the PACS did not answer at its address in time"),
    httpcore.ConnectError: (PacsUnreachableError, "the PACS can't be reached at its address"),
    httpcore.TimeoutException: (PacsTimeoutError, "the PACS fell silent"),
    httpcore.NetworkError: (PacsAbortedError, "the PACS broke the connection"),
    httpcore.RemoteProtocolError: (PacsAbortedError, "the PACS broke the connection, or the rules of HTTP"),
    httpcore.ProtocolError: (PacsFailedError, "the PACS can't be asked this over HTTP"),
    httpcore.UnsupportedProtocol: (PacsFailedError, "the PACS can't be asked this over HTTP"),
    httpx.HTTPError: (PacsFailedError, "the PACS can't be asked this over HTTP"),
    httpx.StreamError: (PacsAbortedError, "the answer of the PACS was closed"),
    httpx.InvalidURL: (PacsFailedError, "the PACS's address makes no URL"),
}
_CAUSES: dict[type[BaseException], str] = {
    # of ConnectError; the most special ones first
    AddressRefusedError: REFUSED,
    ssl.SSLError: "the TLS handshake with the PACS failed: check the certificates on both sides",
    ConnectionRefusedError: "the PACS's machine refused the connection: nothing listens on the port",
    httpcore.ConnectError: "the PACS can't be reached at its address",
}
_STATUSES: dict[int, tuple[type[PacsError], str]] = {
    401: (PacsCredentialsError, "the PACS refuses the credentials that it was configured with"),
    403: (PacsCredentialsError, "the PACS refuses this to the credentials that it was configured with"),
    407: (PacsCredentialsError, "a proxy before the PACS wants credentials"),
    408: (PacsTimeoutError, "the PACS gave up waiting for the request"),
    429: (PacsBusyError, "the PACS takes no more requests for now"),
    # What proxies say of a PACS that is gone. A breaker has to open, and a backup to take over, as without the proxy.
    502: (PacsUnreachableError, "a proxy before the PACS can't reach it"),
    503: (PacsUnreachableError, "the PACS is not available for now"),
    504: (PacsTimeoutError, "a proxy before the PACS gave up waiting for it"),
}


def status_failure(pacs: str, status: int) -> PacsError:
    """The error of an HTTP status that is no success; `details["http_status"]` has the status."""
    kind, message = _STATUSES.get(status, (PacsFailedError, _unforeseen(status)))
    return kind(message, pacs=pacs, http_status=str(status))


@contextmanager
def as_pacs_errors(pacs: str) -> Iterator[None]:
    """Let what httpx and httpcore raise in the block leave it as a PacsError."""
    try:
        yield
    except tuple(_EXCEPTIONS) as error:
        raise _transport_failure(pacs, error) from None


def _transport_failure(pacs: str, error: Exception) -> PacsError:
    kind, message = next(row for known, row in _EXCEPTIONS.items() if isinstance(error, known))
    if isinstance(error, httpcore.ConnectError):
        causes = tuple(_chain(error))
        message = next(text for known, text in _CAUSES.items() if any(isinstance(cause, known) for cause in causes))
    return kind(message, pacs=pacs)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        if isinstance(error, BaseExceptionGroup):  # one for each address that was tried
            for member in error.exceptions:
                yield from _chain(member)
        error = error.__cause__ or error.__context__


def _unforeseen(status: int) -> str:
    if 300 <= status < 400:
        return f"the PACS answered with HTTP status {status}, a redirection; give the address where it leads"
    return f"the PACS answered with HTTP status {status}"
