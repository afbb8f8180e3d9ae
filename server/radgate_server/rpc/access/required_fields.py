"""Requests have the fields that the contract requires (google.api.field_behavior): one check for all methods."""

from collections.abc import Callable, Sequence
from typing import Any, TypeGuard

from google.api.field_behavior_pb2 import IDENTIFIER, OUTPUT_ONLY, REQUIRED, field_behavior
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message

from radgate_server.core.errors import InvalidArgumentError

type RequiredCheck = Callable[[Any], None]
"""Raises InvalidArgumentError for a request that lacks a required field, naming it ("ref.study_instance_uid")."""

type _Inspect = Callable[[Message, str], None]


def required_check(method: MethodDescriptor) -> RequiredCheck | None:
    """Return what checks each message of the method's requests, None when nothing is required of them.

    Within the resource of an update only its identifier is required: what is not given stays.
    """
    inspect = _inspect(method.input_type, is_update=method.name.startswith("Update"))
    if inspect is None:
        return None

    def check(request: Message) -> None:
        inspect(request, "")

    return check


def _inspect(message: Descriptor, *, is_update: bool, depth: int = 0) -> _Inspect | None:
    wanted = {IDENTIFIER} if is_update and depth else {IDENTIFIER, REQUIRED}
    required = [(field.name, field.has_presence) for field in message.fields if wanted & behaviors(field)]
    nested = [
        (field.name, field.is_repeated, inspect)
        for field in message.fields
        if _is_ours(field.message_type) and OUTPUT_ONLY not in behaviors(field)
        if (inspect := _inspect(field.message_type, is_update=is_update, depth=depth + 1))
    ]
    return _inspection(required, nested) if required or nested else None


def _is_ours(message: Descriptor | None) -> TypeGuard[Descriptor]:
    """Whether its fields can be required: not of the well-known types, of which Struct contains itself."""
    return message is not None and not message.full_name.startswith("google.protobuf.")


def _inspection(required: Sequence[tuple[str, bool]], nested: Sequence[tuple[str, bool, _Inspect]]) -> _Inspect:
    def inspect(message: Message, prefix: str) -> None:
        for name, has_presence in required:
            if not (message.HasField(name) if has_presence else getattr(message, name)):
                raise InvalidArgumentError(prefix + name, "must be given")
        for name, is_repeated, inside in nested:
            if is_repeated:
                for index, item in enumerate(getattr(message, name)):
                    inside(item, f"{prefix}{name}[{index}].")
            elif message.HasField(name):
                inside(getattr(message, name), f"{prefix}{name}.")

    return inspect


def behaviors(field: FieldDescriptor) -> set[int]:
    """How the contract says that a field behaves."""
    return set(field.GetOptions().Extensions[field_behavior])
