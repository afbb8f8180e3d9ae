"""Retrieve Capabilities (PS3.18 8.9): what the service offers, as a WADL document (PS3.18 annex H)."""

from collections.abc import Iterable, Mapping
from functools import lru_cache

from radgate.dicomweb.v1 import dicomweb_service_pb2
from radgate_server.core.dicom.identifiers import QueryLevel
from radgate_server.core.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN, TRANSFER_SYNTAXES
from radgate_server.core.query.attributes import keyword_of
from radgate_server.core.query.return_attributes import LEVEL_ATTRIBUTES
from radgate_server.rpc.dicomweb.answers.http_body import encode_http_body
from radgate_server.rpc.dicomweb.capabilities.wadl import Operation, wadl
from radgate_server.rpc.dicomweb.negotiation.accept import acceptables
from radgate_server.rpc.dicomweb.negotiation.base_url import BaseUrl
from radgate_server.rpc.dicomweb.negotiation.media_types import negotiate_offers
from radgate_server.rpc.dicomweb.negotiation.offers import (
    DICOM,
    JSON_OFFERS,
    MULTIPART_FIRST,
    STORE_RESPONSE_OFFERS,
    Offer,
    bulkdata_offers,
    frame_offers,
    instance_offers,
)
from radgate_server.rpc.dicomweb.pictures import query as picture_query
from radgate_server.rpc.dicomweb.pictures.offers import PICTURE_OFFERS, PICTURE_TYPES
from radgate_server.rpc.dicomweb.search import query as qido_query
from radgate_server.rpc.dicomweb.wado_uri import query as wado_uri_query
from radgate_server.rpc.pipeline.call import Call
from radgate_server.rpc.server.http_rules import http_routes

_SERVICE = dicomweb_service_pb2.DESCRIPTOR.services_by_name["DicomWebService"]
_ROOT = "/dicom-web"
_OFFERS = (Offer(False, "application/vnd.sun.wadl+xml"), Offer(False, "application/xml"))


class CapabilitiesResource:
    """Answers with the whole service; of a PACS nothing is asked."""

    def __init__(self, *, base_url: BaseUrl) -> None:
        self._base_url = base_url

    def retrieve(self, call: Call) -> bytes:
        """The document as one encoded HttpBody.

        Raises:
            NotAcceptableError: the client takes no XML; of WADL there is no JSON.
        """
        accepted = acceptables(call.header("accept"), call.header("x-envoy-original-path"))
        content_type = negotiate_offers(accepted, _OFFERS).media_type
        return encode_http_body(content_type, capabilities(self._base_url.of(call.header) + _ROOT))


@lru_cache(maxsize=8)
def capabilities(base: str) -> bytes:
    """The WADL document of the service whose base URL is `base`: all routes below it, whatever else leads to them."""
    below = f"{_ROOT}/"
    routes = (route for route in http_routes(_SERVICE) if route.path.startswith(below))
    return wadl(
        base, ((OPERATIONS[route.rpc], route._replace(path=route.path.removeprefix(below))) for route in routes)
    )


def _ranges(offers: Iterable[Offer]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(offer.media_range for offer in offers))


def _search(level: QueryLevel) -> Operation:
    keys = (keyword_of(tag) for tag in LEVEL_ATTRIBUTES[level])
    return Operation(_ranges(JSON_OFFERS), (*qido_query.PARAMETERS, *filter(None, keys)))


_AS_STORED = tuple(f"{Offer(multipart, DICOM).media_range}; transfer-syntax=*" for multipart in MULTIPART_FIRST)
_NATIVE = EXPLICIT_VR_LITTLE_ENDIAN  # of which everything can be made that can be made
_INSTANCES = _ranges(offer for multipart in MULTIPART_FIRST for offer in instance_offers(_NATIVE, multipart))
_FRAMES = _ranges(offer for multipart in MULTIPART_FIRST for offer in frame_offers(_NATIVE, multipart))
_VIDEOS = {row.media_type: None for row in TRANSFER_SYNTAXES.values() if row.kind == "video"}
_DOCUMENTS = ("application/pdf", "text/xml", "model/stl")  # and whatever else an encapsulated document says that it is
_UPLOADS = _ranges(Offer(multipart, DICOM) for multipart in MULTIPART_FIRST)
_STORED = (200, 202, 409)

OPERATIONS: Mapping[str, Operation] = {
    "SearchStudies": _search(QueryLevel.STUDY),
    "SearchSeries": _search(QueryLevel.SERIES),
    "SearchInstances": _search(QueryLevel.IMAGE),
    "RetrieveInstances": Operation((*_AS_STORED, *_INSTANCES)),
    "RetrieveMetadata": Operation(_ranges(JSON_OFFERS)),
    "RetrieveBulkdata": Operation(_ranges(bulkdata_offers(MULTIPART_FIRST))),
    "RetrieveFrames": Operation(_FRAMES),
    "RetrieveRendered": Operation((*_ranges(PICTURE_OFFERS), *_VIDEOS, *_DOCUMENTS), picture_query.PARAMETERS),
    "RetrieveThumbnail": Operation(PICTURE_TYPES, ("viewport",)),
    "RetrieveInstanceThumbnail": Operation(PICTURE_TYPES, ("size",)),
    "RetrieveWadoUri": Operation((*PICTURE_TYPES, DICOM), wado_uri_query.PARAMETERS),
    "StoreInstances": Operation(_ranges(STORE_RESPONSE_OFFERS), takes=_UPLOADS, statuses=_STORED),
}
"""By rpc: what a client may ask for. A test holds that none is missing; this transaction itself is not described."""
