"""Errors name a field by the path that leads to it in the request (google.rpc.BadRequest.FieldViolation, ADR 52).

What checks a value knows the thing that it belongs to ("dimse.port" of a PACS), and not the request, which may hold
the thing under a name ("pacs.dimse.port"), or be an option of the command line. Here the name becomes the path: over
gRPC from the request on, over REST from the client's JSON body on. What leads nowhere (a header) stays as it is.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from google.api.annotations_pb2 import http
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor, OneofDescriptor
from google.protobuf.message_factory import GetMessageClass

from radgate_server.core.errors import AddressNotAllowedError, InvalidArgumentError
from radgate_server.core.pacs.kinds.table import BUILT_IN, KINDS
from radgate_server.rpc.pipeline.call import Call

type FieldNaming = Callable[[Exception, Call], Exception]
"""From an error to the one that names the same field by its path in the request; other errors as they are."""

_DICOMWEB = "radgate.dicomweb."
_OF_ANY_NAME = frozenset({"google.protobuf.Struct", "google.protobuf.Value"})
_OTHERWISE: Mapping[tuple[str, str], str] = {("DetectPacsRequest", "host"): "endpoint"}
"""What a request names otherwise than the core and the command line, by the request and their name."""
_OWN_OF_EXTENSION = frozenset({"password", "password_ref"})


class _Step(NamedTuple):
    """A part of a path, in proto's and in JSON's spelling."""

    name: str
    json_name: str


type _Path = Sequence[_Step]


def field_naming(method: MethodDescriptor) -> FieldNaming | None:
    """Return what names the fields of the method's requests, None for DICOMweb, whose names are those of PS3.18."""
    if method.full_name.startswith(_DICOMWEB):
        return None
    request, body = method.input_type, method.GetOptions().Extensions[http].body

    def spell(path: _Path, call: Call) -> str:
        if not call.header("x-envoy-original-path"):
            return _spelt(path)
        return _in_body(path, body, call.header("x-radgate-fields").split(","))

    def name(error: Exception, call: Call) -> Exception:
        return _named(error, request, call.payload, lambda path: spell(path, call))

    return name


def named_in_request(error: Exception, request: Descriptor) -> Exception:
    """As the naming does over gRPC, for an error that goes into an answer."""
    return _named(error, request, None, _spelt)


def _named(error: Exception, request: Descriptor, payload: Any, spell: Callable[[_Path], str]) -> Exception:
    if isinstance(error, InvalidArgumentError):
        path = _path_in_request(request, error.field, payload)
        return error if path is None else InvalidArgumentError(spell(path), error.description)
    if isinstance(error, AddressNotAllowedError):
        path = _path_in_request(request, error.details.get("field", ""), payload)
        return (
            error if path is None else AddressNotAllowedError(error.message, **error.details | {"field": spell(path)})
        )
    return error


def _path_in_request(request: Descriptor, field: str, payload: Any = None) -> _Path | None:
    """Find the field in the request, else in one of its messages; None when it is nowhere.

    Of several messages that have the field, it is the one that the payload holds.
    """
    for name in (_OTHERWISE.get((request.name, field), field), _in_extension(field)):
        if not name:
            continue
        if path := _follow(request, name.split(".")):
            return path
        inside = list(_one_below(request, name.split(".")))
        if len(inside) > 1 and isinstance(payload, bytes):
            message = GetMessageClass(request).FromString(payload)
            inside = [each for each in inside if message.HasField(each[0])] or inside
        if inside:
            return inside[0][1]
    return None


def _one_below(request: Descriptor, names: Sequence[str]) -> Iterator[tuple[str, _Path]]:
    for above in request.fields:
        if above.message_type and not above.is_repeated and (path := _follow(above.message_type, names)):
            yield above.name, (_Step(above.name, above.json_name), *path)


def _follow(message: Descriptor | None, names: Sequence[str]) -> _Path | None:
    """Follow names, of which each may have an index ("keys[0]"), to a field, or to a oneof that has to be given."""
    steps: list[_Step] = []
    for number, part in enumerate(names):
        if message is not None and message.full_name in _OF_ANY_NAME:
            return (*steps, *(_Step(name, name) for name in names[number:]))
        name, bracket, index = part.partition("[")
        found = _find(message, name)
        if found is None:
            return None
        # A oneof has no name in JSON. What a client would look for is spelt as its fields are.
        json_name = found.json_name if isinstance(found, FieldDescriptor) else found.name
        steps.append(_Step(part, json_name + bracket + index))
        message = found.message_type if isinstance(found, FieldDescriptor) else None
    return steps


def _find(message: Descriptor | None, name: str) -> FieldDescriptor | OneofDescriptor | None:
    if message is None:
        return None
    return message.fields_by_name.get(name) or message.oneofs_by_name.get(name)


def _in_extension(field: str) -> str:
    """Where `Pacs` has a field of a kind of another package: "toy.port" is "extension.settings.port"."""
    kind, dot, name = field.partition(".")
    if kind in BUILT_IN or kind not in KINDS:
        return ""
    return f"extension{dot}{name if name in _OWN_OF_EXTENSION or not name else f'settings.{name}'}"


def _in_body(path: _Path, body: str, given: Sequence[str]) -> str:
    """The path from the JSON body on, spelt as the client did, else in lowerCamelCase as in answers."""
    steps = path[1:] if len(path) > 1 and path[0].name == body else path
    return _spelt(steps) if _spelt(steps) in given else ".".join(step.json_name for step in steps)


def _spelt(path: _Path) -> str:
    return ".".join(step.name for step in path)
