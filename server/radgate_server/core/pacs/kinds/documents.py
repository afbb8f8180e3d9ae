"""Connections as documents: how they are stored."""

from collections.abc import Mapping
from typing import Any

from radgate_server.core.pacs.kinds.kind import SECRET_FIELD, PacsConnection
from radgate_server.core.pacs.kinds.table import KINDS, UNAVAILABLE
from radgate_server.core.pacs.kinds.unknown import UnknownConnection
from radgate_server.lib.documents import DocumentError, dump, load


def connection_document(connection: PacsConnection) -> dict[str, Any]:
    """All of the connection but its secret, `kind` among it."""
    if isinstance(connection, UnknownConnection):
        return dict(connection.document)
    return dump(connection, leave_out=(SECRET_FIELD,))


def stored_connection(document: Mapping[str, Any]) -> PacsConnection:
    """The connection of a stored document, without its secret; an UnknownConnection if it does not fit its kind."""
    try:
        return connection_of_document(document)
    except DocumentError as misfit:
        return UnknownConnection(str(document.get("kind", "")), dict(document), misfit=misfit.field)


def connection_of_document(document: Mapping[str, Any]) -> PacsConnection:
    """The connection of a document, without its secret; an UnknownConnection when its kind is unknown.

    Raises:
        DocumentError: for the first field that does not fit the kind.
    """
    name = document.get("kind")
    if not isinstance(name, str):
        raise DocumentError("kind", "must be given, as text")
    kind = KINDS.get(name)
    if kind is None:
        return UnknownConnection(name, dict(document), failure=UNAVAILABLE.get(name, ""))
    return load(kind.connection, document)
