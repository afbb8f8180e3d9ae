"""Between the message of a PACS whose kind another package declares and its connection."""

from collections.abc import Collection
from difflib import get_close_matches

from google.protobuf.json_format import MessageToDict

from radgate.v1 import pacs_pb2
from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.pacs.kinds.documents import connection_document, connection_of_document
from radgate_server.core.pacs.kinds.extension import KIND_FIELD, settings_of
from radgate_server.core.pacs.kinds.kind import ConnectionKind, PacsConnection
from radgate_server.core.pacs.kinds.table import BUILT_IN, KINDS, UNAVAILABLE
from radgate_server.lib.documents import DocumentError
from radgate_server.rpc.v1.convert.kinds.secrets import from_secret, reference_of

EXTENSION = "extension"
"""The field of Pacs."""
_FIELD = f"{EXTENSION}.{KIND_FIELD}"
_SETTINGS = f"{EXTENSION}.settings"
_SHOWN = 64


def from_extension(sent: pacs_pb2.ExtensionConnection) -> PacsConnection:
    """Read the connection, by the kind that was declared at the start.

    Raises:
        InvalidArgumentError: the kind is unknown or unavailable, or a setting is unknown, missing or of another type.
    """
    kind = _declared(sent.kind)
    settings = MessageToDict(sent.settings)
    known = settings_of(kind.connection)
    for name in settings:
        if name not in known:
            raise InvalidArgumentError(f"{_SETTINGS}.{name[:_SHOWN]}", _unknown(name, known))
    try:
        connection = connection_of_document({**settings, KIND_FIELD: kind.name})
    except DocumentError as error:
        raise InvalidArgumentError(f"{_SETTINGS}.{error.field}", error.message) from None
    secret = from_secret(sent.password, sent.password_ref, f"{EXTENSION}.password_ref")
    if secret and not connection.uses_secret:
        raise InvalidArgumentError(f"{EXTENSION}.password", "means nothing for this kind of PACS and these settings")
    return connection.with_secret(secret)


def to_extension(connection: PacsConnection) -> pacs_pb2.ExtensionConnection:
    """Write it, all but the secret."""
    settings = connection_document(connection)
    message = pacs_pb2.ExtensionConnection(kind=settings.pop(KIND_FIELD), password_ref=reference_of(connection.secret))
    message.settings.update(settings)
    return message


def _declared(name: str) -> ConnectionKind:
    if name in BUILT_IN:
        raise InvalidArgumentError(_FIELD, f"{name} is a kind of this server: give the connection as {name}")
    if name in UNAVAILABLE:
        raise InvalidArgumentError(_FIELD, f"{name} can't be used: {UNAVAILABLE[name]}")
    if name not in KINDS:
        known = ", ".join(sorted(KINDS.keys() - BUILT_IN.keys())) or "none"
        raise InvalidArgumentError(_FIELD, f"is unknown; packages that are installed here declare: {known}")
    return KINDS[name]


def _unknown(name: str, known: Collection[str]) -> str:
    if name == "password":
        return "a secret is no setting: give it as extension.password, or extension.passwordRef"
    close = get_close_matches(name, known, n=1)
    return f"is unknown; the nearest is {close[0]}" if close else f"is unknown; known are {', '.join(known)}"
