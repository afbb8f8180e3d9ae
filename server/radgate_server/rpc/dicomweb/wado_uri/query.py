"""The query parameters of WADO-URI (PS3.18 9.4.1, 9.5.1)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from radgate_server.core.dicom.identifiers import RetrieveScope, parse_uid
from radgate_server.core.errors import InvalidArgumentError, NotAcceptableError
from radgate_server.core.imaging.render_target import RenderTarget, Viewport, VoiFunction
from radgate_server.rpc.dicomweb.negotiation.accept import Acceptable, parse_accept
from radgate_server.rpc.dicomweb.negotiation.media_types import negotiate_offers, takes_instance
from radgate_server.rpc.dicomweb.negotiation.offers import DICOM, Offer
from radgate_server.rpc.dicomweb.negotiation.query_string import parse_parameters, query_of
from radgate_server.rpc.dicomweb.pictures.offers import PICTURE_TYPES
from radgate_server.rpc.dicomweb.pictures.query import (
    NO_ANNOTATION,
    make_window,
    parse_count,
    parse_decimal,
    parse_quality,
    refuse,
)
from radgate_server.rpc.dicomweb.pictures.request import PictureRequest, Region

_REQUEST_TYPE = "WADO"
_AS_STORED = "*"
_OFFERS = tuple(Offer(False, media_type) for media_type in (*PICTURE_TYPES, DICOM))
_NO_PRESENTATION_STATE = refuse("presentation states are not applied; leave it out")
_REFUSED = {
    "annotation": NO_ANNOTATION,
    "imageAnnotation": NO_ANNOTATION,
    "presentationUID": _NO_PRESENTATION_STATE,
    "presentationSeriesUID": _NO_PRESENTATION_STATE,
}
_OF_INSTANCES = ("requestType", "studyUID", "seriesUID", "objectUID", "contentType", "transferSyntax", "anonymize")
_OF_PICTURES = ("frameNumber", "rows", "columns", "region", "windowCenter", "windowWidth", "imageQuality", *_REFUSED)
PARAMETERS = (*_OF_INSTANCES, *_OF_PICTURES)
# All others are ignored (PS3.18 8.3): `charset`, since a DICOM file says its own.


@dataclass(frozen=True, slots=True)
class WadoUri:
    """A parsed request. `picture` is None when the instance itself is wanted."""

    scope: RetrieveScope
    accepted: tuple[Acceptable, ...]
    picture: PictureRequest | None = None


def parse_wado_uri(original_path: str, accept: str) -> WadoUri:
    """Parse the query string and the Accept header.

    Raises:
        InvalidArgumentError: naming the parameter that is missing, malformed, given twice or not offered.
        NotAcceptableError: what `contentType` says is not in Accept, or the instance is wanted without what identifies.
    """
    values = parse_parameters(query_of(original_path), PARAMETERS)
    if _required(values, "requestType") != _REQUEST_TYPE:
        raise InvalidArgumentError("requestType", f"must be {_REQUEST_TYPE}")
    scope = RetrieveScope(
        *(parse_uid(_required(values, name), name) for name in ("studyUID", "seriesUID", "objectUID"))
    )
    _refuse_to_anonymize(values.get("anonymize", ""))
    accepted = tuple(one for one in _acceptables(values, parse_accept(accept)) if not one.multipart)
    if not any(one.quality for one in accepted):
        raise NotAcceptableError("WADO-URI gives one instance, or one picture, without multipart")
    if _wants_instance(values, accepted):
        return WadoUri(scope, _with_syntax(values, accepted))
    return WadoUri(scope, accepted, _parse_picture(values, scope, accepted))


def _required(values: Mapping[str, str], name: str) -> str:
    if not (value := values.get(name, "")):
        raise InvalidArgumentError(name, "must be given")
    return value


def _refuse_to_anonymize(value: str) -> None:
    if value == "yes":
        text = "anonymize=yes is not served: what is sent would come with all that identifies the patient"
        raise NotAcceptableError(text)
    if value not in ("", "no"):
        raise InvalidArgumentError("anonymize", "must be yes or no")


def _acceptables(values: Mapping[str, str], header: tuple[Acceptable, ...]) -> tuple[Acceptable, ...]:
    """What the client takes: of `contentType` what the Accept header allows too (PS3.18 8.3.3.1, 8.7.8), else that."""
    if not values.get("contentType"):
        return header
    try:
        wanted = parse_accept(values["contentType"])
    except InvalidArgumentError as error:
        raise InvalidArgumentError("contentType", error.description) from None
    both = tuple(one for one in wanted if _allows(header, one))
    if not both:
        raise NotAcceptableError("the Accept header does not allow the media type of contentType")
    return both


def _allows(header: tuple[Acceptable, ...], wanted: Acceptable) -> bool:
    if wanted.media_type.endswith("/*"):
        return True  # the header has the last word on what is chosen of it
    try:
        negotiate_offers(header, (Offer(wanted.multipart, wanted.media_type),))
    except NotAcceptableError:
        return False
    return True


def _wants_instance(values: Mapping[str, str], accepted: tuple[Acceptable, ...]) -> bool:
    """Whether application/dicom is wanted: it is preferred to a picture, or a transfer syntax is named (8.7.8.2)."""
    if values.get("transferSyntax") and takes_instance(accepted):
        return True
    try:
        return negotiate_offers(accepted, _OFFERS).media_type == DICOM
    except NotAcceptableError:  # application/pdf, say, is not known before the instance is
        return False


def _with_syntax(values: Mapping[str, str], accepted: tuple[Acceptable, ...]) -> tuple[Acceptable, ...]:
    """`transferSyntax` counts where the media type itself names none (PS3.18 8.7.8.2)."""
    syntax = values.get("transferSyntax", "")
    if not syntax:
        return accepted
    if syntax != _AS_STORED:
        parse_uid(syntax, "transferSyntax")
    return tuple(replace(one, transfer_syntaxes=one.transfer_syntaxes or (syntax,)) for one in accepted)


def _parse_picture(values: Mapping[str, str], scope: RetrieveScope, accepted: tuple[Acceptable, ...]) -> PictureRequest:
    for name, field in _REFUSED.items():
        field(name, values.get(name, ""))
    target = RenderTarget()
    if size := _both(values, "columns", "rows"):
        target = target._replace(viewport=Viewport(*(parse_count(name, value) for name, value in size.items())))
    if window := _both(values, "windowCenter", "windowWidth"):
        center, width = (parse_decimal(name, value) for name, value in window.items())
        target = target._replace(window=make_window("windowWidth", center, width, VoiFunction.LINEAR))
    if quality := values.get("imageQuality"):
        target = target._replace(quality=parse_quality("imageQuality", quality))
    number, region = values.get("frameNumber"), values.get("region")
    return PictureRequest(
        scope,
        accepted,
        target,
        (parse_count("frameNumber", number),) if number else (),
        region=_parse_region(region) if region else None,
    )


def _both(values: Mapping[str, str], *names: str) -> dict[str, str]:
    """Values of which one makes no sense without the other; empty when there is none."""
    given = {name: values[name] for name in names if values.get(name)}
    if given and len(given) < len(names):
        raise InvalidArgumentError(next(iter(given)), f"{' and '.join(names)} must be given together")
    return given


def _parse_region(value: str) -> Region:
    corners = [parse_decimal("region", part.strip()) for part in value.split(",")]
    match corners:
        case [left, top, right, bottom] if 0 <= left < right <= 1 and 0 <= top < bottom <= 1:
            return left, top, right, bottom
    raise InvalidArgumentError("region", "must be xmin,ymin,xmax,ymax, each from 0 to 1")
