"""REST requests name fields that exist: the gateway's transcoder drops all others without a word.

A dropped field widens what was asked for: a key whose misspelt restriction is dropped opens every study. So does a
field given twice, of which the transcoder keeps one. What a REST request named is compared with the request's
descriptor, its query string by `x-envoy-original-path`, its JSON body by `x-radgate-fields`, which gateway/envoy.yaml
writes. DICOMweb's query strings hold DICOM keywords; others read them.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from difflib import get_close_matches
from urllib.parse import parse_qsl, unquote

from google.api.annotations_pb2 import http
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor

from radgate_server.core.errors import InvalidArgumentError
from radgate_server.rpc.pipeline.call import Call

type FieldCheck = Callable[[Call], None]
"""Raises InvalidArgumentError for a field that the request's message lacks."""

_DICOMWEB = "radgate.dicomweb."
_DEPTH = 4  # of fields that are looked through for a similar name; no request has deeper ones
_SHOWN = 64
_OF_ANY_NAME = "google.protobuf."  # Struct and the like; Timestamp and FieldMask are strings in JSON


def rest_field_check(method: MethodDescriptor) -> FieldCheck | None:
    """Return what checks the method's REST requests, None for methods that have no such, and for DICOMweb."""
    rule = method.GetOptions().Extensions[http]
    if not rule.WhichOneof("pattern") or method.full_name.startswith(_DICOMWEB):
        return None
    request = method.input_type
    # All bindings of a method have the same body, or a body field would be a parameter elsewhere; a test holds that.
    body = request if rule.body == "*" else request.fields_by_name[rule.body].message_type if rule.body else None

    def check(call: Call) -> None:
        path = call.header("x-envoy-original-path")
        if not path:
            return
        parameters = [name.split(".") for name, _ in parse_qsl(path.partition("?")[2], keep_blank_values=True)]
        _check(request, parameters, "query parameter", is_repeatable=lambda field: field.is_repeated)
        fields = [
            [unquote(part) for part in name.split(".")] for name in call.header("x-radgate-fields").split(",") if name
        ]
        _check(body, fields, "field", is_repeatable=lambda _: False)

    return check


def _check(
    message: Descriptor | None,
    paths: Iterable[list[str]],
    kind: str,
    *,
    is_repeatable: Callable[[FieldDescriptor], bool],
) -> None:
    given: set[tuple[str, ...]] = set()
    for path in paths:
        *above, last = _find(message, path, kind)
        found = (*(field.name for field in above), last.name, *path[len(above) + 1 :])
        if found in given and not is_repeatable(last):
            raise InvalidArgumentError(_shown(path), f"the {kind} is given twice, or in two spellings; give it once")
        given.add(found)


def _find(message: Descriptor | None, path: list[str], kind: str) -> Sequence[FieldDescriptor]:
    """Follow a path of names in proto's or JSON's spelling, up to a field in which any name may stand.

    Raises:
        InvalidArgumentError: it leads nowhere.
    """
    inside, found = message, []
    for part in path:
        field = _fields(inside).get(part)
        if field is None:
            raise InvalidArgumentError(_shown(path), f"there is no such {kind}{_hint(message, inside, part)}")
        found.append(field)
        if _holds_any_name(field):
            break
        inside = field.message_type
    return found


def _shown(path: Iterable[str]) -> str:
    return ".".join(path)[:_SHOWN]


def _fields(message: Descriptor | None) -> dict[str, FieldDescriptor]:
    if message is None or message.full_name.startswith(_OF_ANY_NAME):
        return {}
    return {name: field for field in message.fields for name in (field.name, field.json_name)}


def _holds_any_name(field: FieldDescriptor) -> bool:
    message = field.message_type
    if message is None:
        return False
    is_map: bool = message.GetOptions().map_entry
    return is_map or message.full_name in ("google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.Any")


def _hint(message: Descriptor | None, inside: Descriptor | None, name: str) -> str:
    """Name the field that was probably meant: one beside it, else one elsewhere in the message."""
    beside = {field.json_name.lower(): field.json_name for field in _fields(inside).values()}
    elsewhere = {path.rpartition(".")[2].lower(): path for path in _paths(message)}
    for known in (beside, elsewhere):
        if close := get_close_matches(name.lower().replace("_", ""), known, n=1):
            return f"; the nearest is {known[close[0]]}"
    return f"; known are {', '.join(sorted(beside.values()))}" if beside else "; none is known here"


def _paths(message: Descriptor | None, prefix: str = "", depth: int = _DEPTH) -> Iterator[str]:
    if depth == 0:
        return
    for field in {id(field): field for field in _fields(message).values()}.values():
        yield (path := prefix + field.json_name)
        yield from _paths(field.message_type, f"{path}.", depth - 1)
