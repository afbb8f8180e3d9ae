"""Frozen dataclasses as JSON documents and back, by their annotations."""

from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError


class DocumentError(ValueError):
    """What is wrong with a field of a document; `field` is its dotted name."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


def dump(value: Any, *, leave_out: Collection[str] = ()) -> dict[str, Any]:
    """A dataclass as what JSON can hold, without the fields named in `leave_out`."""
    document: dict[str, Any] = _adapter(type(value)).dump_python(value, mode="json", exclude=set(leave_out))
    return document


def load[Value](type_: type[Value], document: Mapping[str, Any]) -> Value:
    """A dataclass of what `dump` made, or of what a person wrote: numbers and booleans may be given as text.

    Raises:
        DocumentError: for the first field that is unknown, missing or of another type.
    """
    known = tuple(field.name for field in fields(type_))  # type: ignore[arg-type]  # a dataclass
    for name in document:
        if name not in known:
            raise DocumentError(name, f"is unknown; known are {', '.join(known)}")
    try:
        value: Value = _adapter(type_).validate_python(dict(document))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise DocumentError(".".join(map(str, first["loc"])), first["msg"][:1].lower() + first["msg"][1:]) from None
    return value


_adapters: dict[type[Any], TypeAdapter[Any]] = {}


def _adapter(type_: type[Any]) -> TypeAdapter[Any]:
    """Made when first used: to make one takes longer than to use it."""
    if type_ not in _adapters:
        optional: Any = type_ | None
        # arbitrary types for secrets, which never go through here; "or None", as a dataclass alone takes no config
        _adapters[type_] = TypeAdapter(optional, config=ConfigDict(arbitrary_types_allowed=True))
    return _adapters[type_]
