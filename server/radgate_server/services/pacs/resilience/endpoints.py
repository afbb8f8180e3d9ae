"""What stands at the other end of a connection, for those who share it."""

import sys
from urllib.parse import urlsplit

from radgate_server.core.pacs.connections import (
    DicomWebConnection,
    DimseConnection,
    FolderConnection,
    OrthancConnection,
    PacsConnection,
    urls_of,
)

_DEFAULT_PORTS = {"http": 80, "https": 443}


def endpoint_of(connection: PacsConnection) -> str:
    """Host and port (or path) of the PACS, the same for all tenants that have it configured.

    Of a web PACS, those of all its URLs: a tenant that has its tokens from a slow server of its own must not wait for
    them in places that others need.
    """
    match connection:
        case DimseConnection(host=host, port=port):
            return f"{host.lower()}:{port}"
        case FolderConnection(path=path):
            return path
        case DicomWebConnection() | OrthancConnection():
            return " ".join(dict.fromkeys(map(_server, urls_of(connection))))


def connections_of(connection: PacsConnection) -> int:
    """How many operations the connection's own pool can serve at the same time."""
    match connection:
        case DimseConnection(max_associations=limit):
            return limit
        case FolderConnection():
            return sys.maxsize
        case DicomWebConnection(max_connections=limit) | OrthancConnection(max_connections=limit):
            return limit


def _server(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or _DEFAULT_PORTS[parts.scheme]}"
