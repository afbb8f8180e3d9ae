"""Changing some fields of a message: those that a field mask names, or that are given (google.protobuf.FieldMask)."""

from collections.abc import Collection, Iterator, Sequence

from google.protobuf.message import Message

from radgate_server.core.errors import InvalidArgumentError


def take_over(target: Message, source: Message, paths: Sequence[str], changeable: Collection[str], what: str) -> None:
    """Make the fields of `target` that the paths name ("dimse.port") what they are in `source`, also when that is none.

    Without paths all fields are taken over that are given, of messages of our own those within. `changeable` are names
    of fields of the message itself, `what` it is called in errors.

    Raises:
        InvalidArgumentError: a path names nothing that can be changed.
    """
    for path in paths:
        _check(path, target, changeable, what)
    for path in paths or given(source, changeable):
        _put(target, source, path)


def given(message: Message, changeable: Collection[str]) -> tuple[str, ...]:
    """Paths of all changeable fields that hold something; of messages of our own, those within."""
    fields = ((field.name, value) for field, value in message.ListFields() if field.name in changeable)
    package = message.DESCRIPTOR.file.package
    return tuple(path for name, value in fields for path in _leaves(name, value, package))


def _check(path: str, message: Message, changeable: Collection[str], what: str) -> None:
    unknown = InvalidArgumentError("update_mask", f"{path[:100]!r} names no field of a {what} that can be changed")
    name, *inner = path.split(".")
    if name not in changeable:
        raise unknown
    field = message.DESCRIPTOR.fields_by_name[name]
    for name in inner:
        within = field.message_type
        if within is None or name not in within.fields_by_name:
            raise unknown
        field = within.fields_by_name[name]


def _leaves(path: str, value: object, package: str) -> Iterator[str]:
    if isinstance(value, Message) and value.DESCRIPTOR.file.package == package:
        for field, inner in value.ListFields():
            yield from _leaves(f"{path}.{field.name}", inner, package)
    else:
        yield path


def _put(target: Message, source: Message, path: str) -> None:
    *parents, name = path.split(".")
    for parent in parents:
        target, source = getattr(target, parent), getattr(source, parent)
    field = target.DESCRIPTOR.fields_by_name[name]
    if field.is_repeated:
        getattr(target, name)[:] = getattr(source, name)
    elif field.message_type is None:
        setattr(target, name, getattr(source, name))
    elif source.HasField(name):
        getattr(target, name).CopyFrom(getattr(source, name))
    else:
        target.ClearField(name)
