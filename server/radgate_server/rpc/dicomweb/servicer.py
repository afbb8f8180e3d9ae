"""DicomWebService: each method hands its path to the resource that answers it."""

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass

from radgate.dicomweb.v1.dicomweb_service_pb2 import (
    RetrieveBulkdataRequest,
    RetrieveCapabilitiesRequest,
    RetrieveFramesRequest,
    RetrieveInstanceThumbnailRequest,
    RetrieveRenderedRequest,
    RetrieveRequest,
    RetrieveWadoUriRequest,
    SearchRequest,
    StoreRequest,
)
from radgate_server.core.audit.record import AuditAction
from radgate_server.core.cache.ports.tiers import HotCache
from radgate_server.core.dicom.identifiers import QueryLevel
from radgate_server.rpc.dicomweb.capabilities.resource import CapabilitiesResource
from radgate_server.rpc.dicomweb.edge.answers import EdgeAnswers
from radgate_server.rpc.dicomweb.negotiation.base_url import BaseUrl
from radgate_server.rpc.dicomweb.pictures.answers import PictureAnswers
from radgate_server.rpc.dicomweb.pictures.rendered import RenderedResource
from radgate_server.rpc.dicomweb.pictures.sender import PictureSender
from radgate_server.rpc.dicomweb.pictures.thumbnail import ThumbnailResource
from radgate_server.rpc.dicomweb.retrieve.bitstreams import BitstreamSender
from radgate_server.rpc.dicomweb.retrieve.bulkdata import BulkdataResource
from radgate_server.rpc.dicomweb.retrieve.frames import FramesResource
from radgate_server.rpc.dicomweb.retrieve.instances import InstancesResource
from radgate_server.rpc.dicomweb.retrieve.metadata import MetadataResource
from radgate_server.rpc.dicomweb.search.qido import SearchResource
from radgate_server.rpc.dicomweb.store.stow import StowResource
from radgate_server.rpc.dicomweb.wado_uri.resource import WadoUriResource
from radgate_server.rpc.pipeline.call import Call
from radgate_server.services.access.caller_search import CallerSearch
from radgate_server.services.audit.recording import Auditor
from radgate_server.services.edge.urls import EdgeUrls
from radgate_server.services.imaging.pictures.toolset import Pictures
from radgate_server.services.imaging.representations import Representations
from radgate_server.services.retrieve.instances import InstanceReader
from radgate_server.services.retrieve.retrieval import RetrieveService
from radgate_server.services.store.storage import StoreService
from radgate_server.settings.settings import Settings


@dataclass(frozen=True, slots=True)
class Retrieval:
    """What instances are retrieved by, looked into, and given as."""

    retrieve: RetrieveService
    instances: InstanceReader
    representations: Representations
    pictures: Pictures


class DicomWebServicer:
    """The DICOMweb facade. Its answers are google.api.HttpBody messages, encoded already."""

    def __init__(
        self,
        query: CallerSearch,
        retrieval: Retrieval,
        store: StoreService,
        auditor: Auditor,
        hot: HotCache,
        settings: Settings,
        edge: EdgeUrls | None = None,
    ) -> None:
        retrieve, instances, pictures = retrieval.retrieve, retrieval.instances, retrieval.pictures
        representations = retrieval.representations
        self._edge = EdgeAnswers(edge, retrieve, auditor)
        base_url = BaseUrl.from_settings(settings)
        chunk_bytes = settings.retrieve.chunk_bytes
        max_kept_bytes = settings.cache.hot_entry_bytes
        self._search = SearchResource(
            query,
            auditor,
            hot,
            max_limit=settings.retrieve.max_results,
            ttl_s=settings.cache.query_ttl_s,
            base_url=base_url,
        )
        self._instances = InstancesResource(retrieve, representations, auditor, chunk_bytes=chunk_bytes)
        answers = PictureAnswers(auditor, hot, chunk_bytes=chunk_bytes, max_kept_bytes=max_kept_bytes)
        self._rendered = RenderedResource(
            retrieve,
            pictures,
            answers,
            PictureSender(pictures.renderer, answers, chunk_bytes=chunk_bytes),
            BitstreamSender(instances, answers, chunk_bytes=chunk_bytes),
            ttl_s=settings.cache.listing_ttl_s,
        )
        self._thumbnail = ThumbnailResource(retrieve, pictures, answers, ttl_s=settings.cache.listing_ttl_s)
        self._wado_uri = WadoUriResource(self._instances, self._rendered)
        self._metadata = MetadataResource(
            retrieve,
            instances,
            auditor,
            hot,
            max_kept_bytes=max_kept_bytes,
            ttl_s=settings.cache.listing_ttl_s,
            base_url=base_url,
        )
        self._frames = FramesResource(
            retrieve,
            pictures.frames,
            representations,
            auditor,
            hot,
            chunk_bytes=chunk_bytes,
            max_kept_bytes=max_kept_bytes,
        )
        self._capabilities = CapabilitiesResource(base_url=base_url)
        self._stow = StowResource(store, base_url=base_url)
        self._bulkdata = BulkdataResource(
            retrieve, instances, auditor, self._frames, pictures.frames, chunk_bytes=chunk_bytes
        )

    async def SearchStudies(self, request: SearchRequest, call: Call) -> bytes:  # noqa: N802 # named by the proto
        """QIDO-RS Search for Studies."""
        return await self._search.search(QueryLevel.STUDY, request.study, request.series, call)

    async def SearchSeries(self, request: SearchRequest, call: Call) -> bytes:  # noqa: N802
        """QIDO-RS Search for Series."""
        return await self._search.search(QueryLevel.SERIES, request.study, request.series, call)

    async def SearchInstances(self, request: SearchRequest, call: Call) -> bytes:  # noqa: N802
        """QIDO-RS Search for Instances."""
        return await self._search.search(QueryLevel.IMAGE, request.study, request.series, call)

    def RetrieveInstances(self, request: RetrieveRequest, call: Call) -> AsyncGenerator[bytes]:  # noqa: N802
        """WADO-RS Retrieve Study, Series or Instance."""
        scope = (request.study, request.series, request.instance)
        return self._edge.serve(scope, "", AuditAction.RETRIEVE, call, self._instances.retrieve(*scope, call))

    def RetrieveMetadata(self, request: RetrieveRequest, call: Call) -> AsyncGenerator[bytes]:  # noqa: N802
        """WADO-RS Retrieve Metadata."""
        return self._metadata.retrieve(request.study, request.series, request.instance, call)

    def RetrieveBulkdata(self, request: RetrieveBulkdataRequest, call: Call) -> AsyncGenerator[bytes]:  # noqa: N802
        """WADO-RS Retrieve Bulkdata."""
        return self._bulkdata.retrieve(request.study, request.series, request.instance, request.path, call)

    def RetrieveFrames(self, request: RetrieveFramesRequest, call: Call) -> AsyncGenerator[bytes]:  # noqa: N802
        """WADO-RS Retrieve Frames."""
        scope, frames = (request.study, request.series, request.instance), request.frames
        answer = self._frames.retrieve(*scope, frames, call)
        return self._edge.serve(scope, frames, AuditAction.RETRIEVE_FRAMES, call, answer)

    def RetrieveRendered(self, request: RetrieveRenderedRequest, call: Call) -> AsyncGenerator[bytes]:  # noqa: N802
        """WADO-RS Retrieve Rendered."""
        scope, frames = (request.study, request.series, request.instance), request.frames
        return self._edge.serve(scope, frames, AuditAction.RENDER, call, self._rendered.retrieve(*scope, frames, call))

    def RetrieveThumbnail(self, request: RetrieveRenderedRequest, call: Call) -> AsyncGenerator[bytes]:  # noqa: N802
        """WADO-RS Retrieve Thumbnail."""
        return self._thumbnail.retrieve(request.study, request.series, request.instance, request.frames, call)

    def RetrieveInstanceThumbnail(  # noqa: N802
        self, request: RetrieveInstanceThumbnailRequest, call: Call
    ) -> AsyncGenerator[bytes]:
        """A thumbnail by SOP Instance UID alone."""
        return self._thumbnail.retrieve_by_instance(request.instance, call)

    def RetrieveWadoUri(self, request: RetrieveWadoUriRequest, call: Call) -> AsyncGenerator[bytes]:  # noqa: N802
        """WADO-URI Retrieve DICOM Instance, Retrieve Rendered Instance."""
        return self._wado_uri.retrieve(call)

    async def StoreInstances(self, requests: AsyncIterator[StoreRequest], call: Call) -> bytes:  # noqa: N802
        """STOW-RS Store Instances."""
        return await self._stow.store(requests, call)

    async def RetrieveCapabilities(self, request: RetrieveCapabilitiesRequest, call: Call) -> bytes:  # noqa: N802
        """Retrieve Capabilities."""
        return self._capabilities.retrieve(call)
