"""What a kind of PACS that another package declares has to be."""

import re
from collections.abc import Mapping
from dataclasses import Field, fields, is_dataclass
from typing import Any, cast, get_type_hints

from radgate_server.core.errors import ConfigurationError
from radgate_server.core.pacs.kinds.kind import SECRET_FIELD, ConnectionKind, PacsConnection

KIND_FIELD = "kind"
_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_RESERVED = frozenset({"tcp", "extension"})
"""What a detection calls the port itself, and the contract all kinds of other packages."""
_TYPES = (str, int, float, bool)
_ANSWERS = ("hosts", "reads_private_files")
"""What stays open unless a connection answers: where it leads, and whether it reads files of this machine."""


def settings_of(connection: type[PacsConnection]) -> Mapping[str, Field[Any]]:
    """The fields that an administrator sets in the open: all but the kind and the secret."""
    every = fields(cast("Any", connection))
    return {each.name: each for each in every if each.name not in (KIND_FIELD, SECRET_FIELD)}


def check_extension(name: str, kind: ConnectionKind) -> None:
    """Refuse a kind whose checks would be bypassed, or for which no options and messages can be made.

    Raises:
        ConfigurationError: naming the first thing that is not as it has to be.
    """
    connection = kind.connection
    if not _NAME.fullmatch(name) or name in _RESERVED or kind.name != name:
        raise ConfigurationError(
            f"its entry point is named {name!r} and its kind {kind.name!r}: give both the same name of 1 to 32 of a-z,"
            f" 0-9 and '-', starting with a letter, and none of {', '.join(sorted(_RESERVED))}"
        )
    if not _is_connection(connection):
        raise ConfigurationError("its connection is no dataclass that derives from PacsConnection")
    if missing := sorted(connection.__abstractmethods__):
        raise ConfigurationError(f"its connection lacks {', '.join(missing)}")
    every = {each.name: each for each in fields(cast("Any", connection))}
    if KIND_FIELD not in every or every[KIND_FIELD].default != name:
        raise ConfigurationError(f"its connection has no field kind with the default {name!r}")
    answers = (*_ANSWERS, "secret_recipient") if SECRET_FIELD in every else _ANSWERS
    for answer in answers:
        if getattr(connection, answer) is getattr(PacsConnection, answer):
            raise ConfigurationError(f"its connection does not declare {answer}")
    hints = get_type_hints(connection)
    for field in settings_of(connection):
        if hints[field] not in _TYPES:
            raise ConfigurationError(f"the field {field} of its connection is no text, number or flag")


def _is_connection(declared: object) -> bool:
    return isinstance(declared, type) and issubclass(declared, PacsConnection) and is_dataclass(declared)
