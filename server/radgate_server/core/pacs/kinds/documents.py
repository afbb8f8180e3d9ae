"""Connections as documents: how they are stored."""

from collections.abc import Mapping
from typing import Any

from radgate_server.core.pacs.kinds.kind import SECRET_FIELD, PacsConnection
from radgate_server.core.pacs.kinds.table import KINDS
from radgate_server.lib.documents import DocumentError, dump, load


def connection_document(connection: PacsConnection) -> dict[str, Any]:
    """All of the connection but its secret, `kind` among it."""
    return dump(connection, leave_out=(SECRET_FIELD,))


def connection_of_document(document: Mapping[str, Any]) -> PacsConnection:
    """The connection of a document, without its secret.

    Raises:
        DocumentError: for the first field that does not fit the kind.
    """
    kind = KINDS.get(document["kind"])
    if kind is None:
        raise DocumentError("kind", "is unknown")
    return load(kind.connection, document)
