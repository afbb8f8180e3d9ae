"""A gRPC server that says what a test wants it to say, to see what Envoy makes of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from zlib import crc32

import grpc
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.any_pb2 import Any
from google.rpc.code_pb2 import Code
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from grpc_health.v1 import health, health_pb2_grpc

from radgate.dicomweb.v1 import dicomweb_service_pb2_grpc as facade
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
from radgate.v1 import admin_service_pb2_grpc, job_service_pb2_grpc, query_service_pb2_grpc
from radgate.v1.admin_service_pb2 import (
    CreateTenantRequest,
    CreateTenantResponse,
    DetectPacsRequest,
    DetectPacsResponse,
    FailoverPacsRequest,
    FailoverPacsResponse,
    ListPacsTransitionsRequest,
    ListPacsTransitionsResponse,
    ListTenantsRequest,
    ListTenantsResponse,
    Tenant,
    TestPacsRequest,
    TestPacsResponse,
    UpdatePacsRequest,
    UpdatePacsResponse,
)
from radgate.v1.job_service_pb2 import (
    CancelJobRequest,
    CancelJobResponse,
    CreateJobRequest,
    CreateJobResponse,
    GetJobRequest,
    GetJobResponse,
    Job,
    ListJobsRequest,
    ListJobsResponse,
    PauseJobRequest,
    PauseJobResponse,
    ResumeJobRequest,
    ResumeJobResponse,
)
from radgate.v1.pacs_pb2 import PacsTransition
from radgate.v1.query_service_pb2 import SearchStudiesRequest, SearchStudiesResponse

type Context = grpc.aio.ServicerContext
type Metadata = dict[str, str]


@dataclass
class Upload:
    """What came of an upload: the first message's path and type, and the sizes and checksum of what followed."""

    study: str = ""
    content_type: str = ""
    message_bytes: list[int] = field(default_factory=list)
    crc32: int = 0

    def take(self, request: StoreRequest) -> None:
        if not self.message_bytes:
            self.study, self.content_type = request.study, request.body.content_type
        self.message_bytes.append(len(request.body.data))
        self.crc32 = crc32(request.body.data, self.crc32)


async def fail(context: Context, code: grpc.StatusCode, http_status: int, **headers: str) -> None:
    """End the call as `rpc/errors.py` does: rich status, and the HTTP status in the trailing metadata."""
    detail = Any()
    detail.Pack(ErrorInfo(reason="STUB", domain="radgate"))
    status = Status(code=Code.Value(code.name), message="as asked", details=[detail])
    trailers = (
        ("x-http-status", str(http_status)),
        ("grpc-status-details-bin", status.SerializeToString()),
        *headers.items(),
    )
    await context.abort(code, "as asked", trailers)


class Stub(
    facade.DicomWebServiceServicer,
    admin_service_pb2_grpc.AdminServiceServicer,
    job_service_pb2_grpc.JobServiceServicer,
    query_service_pb2_grpc.QueryServiceServicer,
):
    """What it received, and what it answers next."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget what was received, and answer as at first."""
        self.calls = 0
        self.searches_answered = asyncio.Event()
        self.searches_answered.set()
        self.metadata: Metadata = {}
        self.received: UpdatePacsRequest | None = None
        self.answer: Callable[[Context], Awaitable[HttpBody]] = _no_match
        self.messages: Callable[[Context], AsyncIterator[HttpBody]] = _one_message
        self.cancelled = asyncio.Event()
        self.upload = Upload()
        self.upload_limit: int | None = None

    async def SearchStudies(
        self, request: SearchRequest | SearchStudiesRequest, context: Context
    ) -> HttpBody | SearchStudiesResponse:
        self._note(context)
        await self.searches_answered.wait()
        if isinstance(request, SearchStudiesRequest):
            if request.page_token:
                await fail(context, grpc.StatusCode.INVALID_ARGUMENT, 400)
            return SearchStudiesResponse(next_page_token="more")
        return await self.answer(context)

    async def SearchSeries(self, _request: SearchRequest, context: Context) -> HttpBody:
        self._note(context)
        return await self.answer(context)

    async def StoreInstances(self, requests: AsyncIterator[StoreRequest], context: Context) -> HttpBody:
        self._note(context)
        try:
            async for request in requests:
                self.upload.take(request)
                if self.upload_limit is not None and sum(self.upload.message_bytes) > self.upload_limit:
                    await fail(context, grpc.StatusCode.OUT_OF_RANGE, 413)
            return await self.answer(context)  # a client that went looks at first like one that has sent all
        except asyncio.CancelledError:
            self.cancelled.set()
            raise

    async def RetrieveInstances(self, request: RetrieveRequest, context: Context) -> AsyncIterator[HttpBody]:
        self._note(context)
        try:
            async for message in self.messages(context):
                yield message
        except asyncio.CancelledError:
            self.cancelled.set()
            raise

    async def RetrieveMetadata(self, request: RetrieveRequest, context: Context) -> AsyncIterator[HttpBody]:
        async for message in self.RetrieveInstances(request, context):
            yield message

    async def RetrieveFrames(self, request: RetrieveFramesRequest, context: Context) -> AsyncIterator[HttpBody]:
        yield HttpBody(content_type="text/plain", data=f"{request.instance} {request.frames}".encode())

    async def RetrieveBulkdata(self, request: RetrieveBulkdataRequest, context: Context) -> AsyncIterator[HttpBody]:
        yield HttpBody(content_type="text/plain", data=f"{request.instance} {request.path}".encode())

    async def RetrieveRendered(self, request: RetrieveRenderedRequest, context: Context) -> AsyncIterator[HttpBody]:
        self._note(context)
        if "if-none-match" in self.metadata:
            await context.send_initial_metadata((("x-http-status", "304"), ("etag", self.metadata["if-none-match"])))
            yield HttpBody()
            return
        places = (request.study, request.series, request.instance, request.frames)
        yield HttpBody(content_type='image/jpeg; etag="tag"', data=" ".join(filter(None, places)).encode())

    async def RetrieveThumbnail(self, request: RetrieveRenderedRequest, context: Context) -> AsyncIterator[HttpBody]:
        async for message in self.RetrieveRendered(request, context):
            yield message

    async def RetrieveInstanceThumbnail(
        self, request: RetrieveInstanceThumbnailRequest, context: Context
    ) -> AsyncIterator[HttpBody]:
        yield HttpBody(content_type="image/jpeg", data=request.instance.encode())

    async def RetrieveWadoUri(self, request: RetrieveWadoUriRequest, context: Context) -> AsyncIterator[HttpBody]:
        async for message in self.RetrieveInstances(RetrieveRequest(), context):
            yield message

    async def RetrieveCapabilities(self, request: RetrieveCapabilitiesRequest, context: Context) -> HttpBody:
        self._note(context)
        return HttpBody(content_type="application/vnd.sun.wadl+xml", data=b"<application/>")

    async def ListTenants(self, request: ListTenantsRequest, context: Context) -> ListTenantsResponse:
        self._note(context)
        return ListTenantsResponse(tenants=[Tenant(tenant_id="north")])

    async def CreateTenant(self, request: CreateTenantRequest, context: Context) -> CreateTenantResponse:
        return CreateTenantResponse(tenant=Tenant(tenant_id=request.tenant_id))

    async def TestPacs(self, request: TestPacsRequest, context: Context) -> TestPacsResponse:
        return TestPacsResponse(detail=request.name)

    async def UpdatePacs(self, request: UpdatePacsRequest, context: Context) -> UpdatePacsResponse:
        self._note(context)
        self.received = request
        return UpdatePacsResponse(pacs=request.pacs)

    async def DetectPacs(self, request: DetectPacsRequest, context: Context) -> DetectPacsResponse:
        return DetectPacsResponse(hints=[f"{request.endpoint} {request.port}"])

    async def FailoverPacs(self, request: FailoverPacsRequest, context: Context) -> FailoverPacsResponse:
        return FailoverPacsResponse(transition=PacsTransition(primary_pacs=request.name, to_pacs=request.target_pacs))

    async def ListPacsTransitions(
        self, request: ListPacsTransitionsRequest, context: Context
    ) -> ListPacsTransitionsResponse:
        return ListPacsTransitionsResponse(transitions=[PacsTransition(primary_pacs=request.name)] * request.page_size)

    async def CreateJob(self, request: CreateJobRequest, context: Context) -> CreateJobResponse:
        job = Job(job_id=request.request_id, transcode_study=request.transcode_study)
        job.create_time.GetCurrentTime()
        return CreateJobResponse(job=job)

    async def GetJob(self, request: GetJobRequest, context: Context) -> GetJobResponse:
        if request.job_id == "full":
            await fail(context, grpc.StatusCode.RESOURCE_EXHAUSTED, 429)
        return GetJobResponse(job=Job(job_id=request.job_id))

    async def ListJobs(self, request: ListJobsRequest, context: Context) -> ListJobsResponse:
        return ListJobsResponse(jobs=[Job(job_id="newer"), Job(job_id="older")])

    async def PauseJob(self, request: PauseJobRequest, context: Context) -> PauseJobResponse:
        return PauseJobResponse(job=Job(job_id=f"{request.job_id} paused"))

    async def ResumeJob(self, request: ResumeJobRequest, context: Context) -> ResumeJobResponse:
        return ResumeJobResponse(job=Job(job_id=f"{request.job_id} resumed"))

    async def CancelJob(self, request: CancelJobRequest, context: Context) -> CancelJobResponse:
        return CancelJobResponse(job=Job(job_id=f"{request.job_id} cancelled"))

    def _note(self, context: Context) -> None:
        self.calls += 1
        self.metadata = {key: str(value) for key, value in context.invocation_metadata() or ()}


async def _no_match(context: Context) -> HttpBody:
    return HttpBody(content_type="application/dicom+json", data=b"[]")


async def _one_message(context: Context) -> AsyncIterator[HttpBody]:
    yield HttpBody(content_type="application/octet-stream", data=b"one")


@asynccontextmanager
async def serve(stub: Stub) -> AsyncIterator[str]:
    """Serve `stub` on a free loopback port; gives its address."""
    server = grpc.aio.server()
    facade.add_DicomWebServiceServicer_to_server(stub, server)
    admin_service_pb2_grpc.add_AdminServiceServicer_to_server(stub, server)
    query_service_pb2_grpc.add_QueryServiceServicer_to_server(stub, server)
    job_service_pb2_grpc.add_JobServiceServicer_to_server(stub, server)
    health_pb2_grpc.add_HealthServicer_to_server(health.aio.HealthServicer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)
