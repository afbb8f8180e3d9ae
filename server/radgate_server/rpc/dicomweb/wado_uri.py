"""WADO-URI (PS3.18 9): one instance as application/dicom, named by query parameters alone."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import unquote

from radgate_server.core.errors import InvalidArgumentError, NotAcceptableError
from radgate_server.core.identifiers import RetrieveScope, parse_uid
from radgate_server.rpc.call import Call
from radgate_server.rpc.dicomweb.accept import Acceptable, parse_accept
from radgate_server.rpc.dicomweb.instances import InstancesResource
from radgate_server.rpc.dicomweb.media_types import SINGLE_ONLY, takes_instance

_REQUEST_TYPE = "WADO"
_AS_STORED = "*"
_PARAMETERS = frozenset(
    {"requestType", "studyUID", "seriesUID", "objectUID", "contentType", "transferSyntax", "anonymize"}
)
# All others are passed over (PS3.18 8.3): `charset`, since a DICOM file says its own, and what is for rendered images.


@dataclass(frozen=True, slots=True)
class WadoUri:
    """A parsed request."""

    scope: RetrieveScope
    accepted: tuple[Acceptable, ...]


class WadoUriResource:
    """Answers with what WADO-RS gives for a single instance without multipart."""

    def __init__(self, instances: InstancesResource) -> None:
        self._instances = instances

    def retrieve(self, call: Call) -> AsyncGenerator[bytes]:
        """Encoded HttpBody messages.

        Raises:
            InvalidArgumentError: naming the parameter that is missing, malformed or given twice.
            NotAcceptableError: something else than application/dicom is wanted, or it without what identifies.
        """
        wanted = parse_wado_uri(call.header("x-envoy-original-path"), call.header("accept"))
        return self._instances.stream(wanted.scope, wanted.accepted, SINGLE_ONLY, call)


def parse_wado_uri(original_path: str, accept: str) -> WadoUri:
    """Parse the query string and the Accept header.

    Raises:
        InvalidArgumentError: naming the parameter that is missing, malformed or given twice.
        NotAcceptableError: something else than application/dicom is wanted, or it without what identifies.
    """
    values = _parse_parameters(original_path.partition("?")[2])
    if _required(values, "requestType") != _REQUEST_TYPE:
        raise InvalidArgumentError("requestType", f"must be {_REQUEST_TYPE}")
    scope = RetrieveScope(
        *(parse_uid(_required(values, name), name) for name in ("studyUID", "seriesUID", "objectUID"))
    )
    _refuse_to_anonymize(values.get("anonymize", ""))
    return WadoUri(scope, _acceptables(values, accept))


def _parse_parameters(query: str) -> dict[str, str]:
    values: dict[str, str] = {}
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if name not in _PARAMETERS:
            continue
        if name in values:
            raise InvalidArgumentError(name, "is given more than once")
        try:
            values[name] = unquote(value, errors="strict")  # not as a form: + is no space in application/dicom+xml
        except UnicodeDecodeError:
            raise InvalidArgumentError(name, "must be UTF-8, percent-encoded") from None
    return values


def _required(values: Mapping[str, str], name: str) -> str:
    if not (value := values.get(name, "")):
        raise InvalidArgumentError(name, "must be given")
    return value


def _refuse_to_anonymize(value: str) -> None:
    if value == "yes":
        text = "anonymize=yes is not served: the instance would come with all that identifies the patient"
        raise NotAcceptableError(text)
    if value not in ("", "no"):
        raise InvalidArgumentError("anonymize", "must be yes or no")


def _acceptables(values: Mapping[str, str], accept: str) -> tuple[Acceptable, ...]:
    """What the client takes: `contentType`, else the Accept header, which must allow it too (PS3.18 8.3.3.1, 8.7.8).

    `transferSyntax` counts where the media type itself names none (PS3.18 8.7.8.2).
    """
    header = parse_accept(accept)
    accepted = _parse_content_type(values["contentType"]) if values.get("contentType") else header
    for ranges in (accepted, header):
        if not takes_instance(ranges):
            raise NotAcceptableError("WADO-URI gives application/dicom alone; images are not rendered")
    syntax = values.get("transferSyntax", "")
    if syntax and syntax != _AS_STORED:
        parse_uid(syntax, "transferSyntax")
    if not syntax:
        return accepted
    return tuple(replace(one, transfer_syntaxes=one.transfer_syntaxes or (syntax,)) for one in accepted)


def _parse_content_type(value: str) -> tuple[Acceptable, ...]:
    try:
        return parse_accept(value)
    except InvalidArgumentError as error:
        raise InvalidArgumentError("contentType", error.description) from None
