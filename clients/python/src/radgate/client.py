"""The client for ordinary code; `radgate.aio` has the same for asyncio."""

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Self

import grpc
from google.protobuf.message import Message

from radgate.assembly import (
    Assembler,
    FrameAssembler,
    InstanceAssembler,
    MetadataAssembler,
    OnProgress,
    RetrievedFrame,
    RetrievedInstance,
)
from radgate.audit import Audit
from radgate.cache import Cache
from radgate.connection import (
    CHANNEL_OPTIONS,
    MAX_ATTEMPTS,
    Tls,
    about_study,
    credentials_of,
    metadata_of,
    retry_delay_s,
)
from radgate.errors import ClientClosedError, RadgateError, error_from_rpc
from radgate.jobs import Jobs
from radgate.requests import (
    MatchValue,
    Pages,
    Search,
    frames_request,
    instances_pages,
    series_pages,
    several,
    studies_pages,
    uid_of_study,
)
from radgate.resuming import MAX_RESUMES, Resumption
from radgate.retrieval import Retrieval
from radgate.storing import Storable, StoreReport, Upload
from radgate.transcode import Transcode
from radgate.v1.admin_service_pb2 import InvalidateCacheRequest
from radgate.v1.admin_service_pb2_grpc import AdminServiceStub
from radgate.v1.dicom_pb2 import Instance, Series, Study
from radgate.v1.query_service_pb2 import StudyChanged, WatchStudiesRequest
from radgate.v1.query_service_pb2_grpc import QueryServiceStub
from radgate.v1.retention_service_pb2_grpc import RetentionServiceStub
from radgate.v1.retrieve_service_pb2 import RetrieveInstancesRequest, RetrieveMetadataRequest
from radgate.v1.retrieve_service_pb2_grpc import RetrieveServiceStub
from radgate.v1.store_service_pb2_grpc import StoreServiceStub
from radgate.view_frames import ServerStreamView, ViewFramesAssembler, view_request
from radgate.viewing import View, ViewedFrame, opening
from radgate.watching import NewsAssembler


class Client:
    """A connection to Radgate. Threads may share one; close it, or use it in a `with` statement.

    `target` is host:port. Unary calls that fail for a while are retried as the server advises. All methods raise
    RadgateError. `timeout_s` bounds each call; streams have no bound unless they are given one. `transcode` gives
    images in another form, `jobs` lets the server work on after the call, `cache` counts and invalidates what it has
    cached, `audit` reads the audit trail.
    """

    def __init__(
        self, target: str, api_key: str, tenant: str | None = None, *, tls: Tls = False, timeout_s: float = 60.0
    ) -> None:
        credentials = credentials_of(tls)
        self._channel = (
            grpc.secure_channel(target, credentials, options=CHANNEL_OPTIONS)
            if credentials
            else grpc.insecure_channel(target, options=CHANNEL_OPTIONS)
        )
        self._metadata = metadata_of(api_key, tenant)
        self._timeout_s = timeout_s
        self._closed = False
        self._query: Any = QueryServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self._admin: Any = AdminServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self._retention: Any = RetentionServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self._retrieve: Any = RetrieveServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self._store: Any = StoreServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self.transcode = Transcode(self._channel, self._stream)
        self.jobs = Jobs(self._channel, self._call, self._stream)
        self.cache = Cache(self._channel, self._call)
        self.audit = Audit(self._channel, self._call, self._stream)

    def close(self) -> None:
        """Close the connection; streams in progress end with an error."""
        self._closed = True
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def search_studies(
        self,
        *,
        limit: int | None = None,
        include_fields: Sequence[str] = (),
        fuzzy_matching: bool = False,
        keys: Mapping[str, MatchValue] | None = None,
        **keywords: MatchValue,
    ) -> Iterator[Study]:
        """Find studies, page by page as they are consumed, at most `limit`.

        Keywords are DICOM's in Python's spelling (`patient_id="42"`, `study_date="20260101-"` or a pair of dates,
        `modalities_in_study="CT"`); `keys` takes tags and dotted paths. A PACS that does not answer while others do is
        reported by a PartialAnswerWarning.
        """
        search = Search(keywords, keys, include_fields, fuzzy_matching, limit)
        return self._search(self._query.SearchStudies, studies_pages(search))

    def search_series(
        self,
        study_instance_uid: str = "",
        *,
        limit: int | None = None,
        include_fields: Sequence[str] = (),
        fuzzy_matching: bool = False,
        keys: Mapping[str, MatchValue] | None = None,
        **keywords: MatchValue,
    ) -> Iterator[Series]:
        """Find series of one study, or of all; see search_studies."""
        search = Search(keywords, keys, include_fields, fuzzy_matching, limit)
        return self._search(self._query.SearchSeries, series_pages(study_instance_uid, search))

    def search_instances(
        self,
        study_instance_uid: str = "",
        series_instance_uid: str = "",
        *,
        limit: int | None = None,
        include_fields: Sequence[str] = (),
        fuzzy_matching: bool = False,
        keys: Mapping[str, MatchValue] | None = None,
        **keywords: MatchValue,
    ) -> Iterator[Instance]:
        """Find instances of one series, of one study, or of all; see search_studies."""
        search = Search(keywords, keys, include_fields, fuzzy_matching, limit)
        pages = instances_pages(study_instance_uid, series_instance_uid, search)
        return self._search(self._query.SearchInstances, pages)

    def watch_studies(self) -> Iterator[StudyChanged]:
        """Report which studies of the tenant change, from now on: by what is stored, and in PACS that report.

        A StudyChanged without a UID says that any study may have changed: so does the first one, when the watch begins.
        The stream never ends by itself; when it breaks (UnavailableError), begin another one.
        """
        return self._stream(self._query.WatchStudies, WatchStudiesRequest(), NewsAssembler(), None)

    def retrieve_study(
        self,
        study_instance_uid: str,
        series_instance_uid: str = "",
        sop_instance_uid: str = "",
        *,
        transfer_syntaxes: Sequence[str] = (),
        allow_partial: bool = False,
        on_progress: OnProgress | None = None,
        timeout_s: float | None = None,
        resume_token: bytes = b"",
        max_resumes: int = MAX_RESUMES,
    ) -> Retrieval[RetrievedInstance]:
        """Stream a study, one of its series or one instance, in the order in which instances become available.

        `transfer_syntaxes` lists the UIDs that the caller can take; none means as stored. When the stream has ended
        and something is missing, IncompleteStudyError is raised, unless `allow_partial`. A stream that breaks continues
        by itself, after up to `max_resumes` tries in a row, and hands nothing out twice; `resume_token`, taken from
        an earlier retrieval, does the same for one that was left.
        """
        request = RetrieveInstancesRequest(
            study_instance_uid=study_instance_uid,
            series_instance_uid=series_instance_uid,
            sop_instance_uid=sop_instance_uid,
            accepted_transfer_syntax_uids=several("transfer_syntaxes", transfer_syntaxes),
            resume_token=resume_token,
        )
        assembler = InstanceAssembler(on_progress, allow_partial=allow_partial, resume_token=resume_token)
        resumption = Resumption(request, assembler, max_resumes=max_resumes, timeout_s=timeout_s)
        return Retrieval(self._resume(self._retrieve.RetrieveInstances, resumption), assembler)

    def metadata(
        self,
        study_instance_uid: str,
        series_instance_uid: str = "",
        sop_instance_uid: str = "",
        *,
        allow_partial: bool = False,
        timeout_s: float | None = None,
        resume_token: bytes = b"",
        max_resumes: int = MAX_RESUMES,
    ) -> Retrieval[dict[str, Any]]:
        """Stream the full headers of instances as objects of the DICOM JSON model, bulk data left out.

        What breaks continues as in retrieve_study.
        """
        request = RetrieveMetadataRequest(
            study_instance_uid=study_instance_uid,
            series_instance_uid=series_instance_uid,
            sop_instance_uid=sop_instance_uid,
            resume_token=resume_token,
        )
        assembler = MetadataAssembler(allow_partial=allow_partial, resume_token=resume_token)
        resumption = Resumption(request, assembler, max_resumes=max_resumes, timeout_s=timeout_s)
        return Retrieval(self._resume(self._retrieve.RetrieveMetadata, resumption), assembler)

    def frames(
        self,
        study_instance_uid: str,
        series_instance_uid: str,
        sop_instance_uid: str,
        frame_numbers: Sequence[int] = (),
        *,
        transfer_syntaxes: Sequence[str] = (),
        timeout_s: float | None = None,
    ) -> Iterator[RetrievedFrame]:
        """Stream frames of one instance, counted from 1, in the order asked for; all when none is named."""
        request = frames_request(
            study_instance_uid, series_instance_uid, sop_instance_uid, frame_numbers, transfer_syntaxes
        )
        return self._stream(self._retrieve.RetrieveFrames, request, FrameAssembler(), timeout_s)

    def view(
        self,
        study_instance_uid: str,
        series_instance_uid: str = "",
        sop_instance_uid: str = "",
        *,
        first_size: tuple[int, int] = (256, 256),
        allow_partial: bool = False,
        timeout_s: float | None = None,
    ) -> View:
        """Stream frames for looking at: each once at a low resolution, the middle of a series first, then whole.

        `first_size` is the fewest rows and columns of the low resolution; (0, 0) gives whole frames at once. Frames are
        HTJ2K codestreams (1.2.840.10008.1.2.4.202), of which the front alone can be decoded, or come whole as stored.
        `prioritize` of what is returned says at any time what is to come next.
        """
        first = opening(study_instance_uid, series_instance_uid, sop_instance_uid, first_size)
        stream = partial(self._stream, study=study_instance_uid)
        return View(stream, self._retrieve.StreamFrames, first, allow_partial=allow_partial, timeout_s=timeout_s)

    def view_frames(
        self,
        study_instance_uid: str,
        series_instance_uid: str = "",
        sop_instance_uid: str = "",
        *,
        first_size: tuple[int, int] = (256, 256),
        allow_partial: bool = False,
        timeout_s: float | None = None,
    ) -> ServerStreamView:
        """Stream what `view` streams, for networks whose proxies pass no bidirectional streams.

        `prioritize` of what is returned is a call of its own. Behind several servers it has to reach the view's.
        """
        first = opening(study_instance_uid, series_instance_uid, sop_instance_uid, first_size)
        assembler: Assembler[str | ViewedFrame] = ViewFramesAssembler(allow_partial=allow_partial)
        frames = self._stream(self._retrieve.ViewFrames, view_request(first), assembler, timeout_s)
        prioritize = partial(self._call, self._retrieve.PrioritizeFrames, study=study_instance_uid)
        return ServerStreamView(frames, prioritize)

    def store(
        self,
        files: Iterable[Storable],
        *,
        pacs: str = "",
        study_instance_uid: str = "",
        on_progress: OnProgress | None = None,
        timeout_s: float | None = None,
    ) -> StoreReport:
        """Store DICOM files into the PACS named, else into the tenant's first that can store.

        Each is a path, bytes, or an open file, read as it is sent; storing one again is no failure, so a call that
        failed may be repeated. With `study_instance_uid`, instances of other studies are refused. What is wrong with
        one instance stands in its result, not in an error. `on_progress` reports what was sent.
        """
        self._check_open()
        upload = Upload(files, pacs, study_instance_uid, on_progress)
        call = self._store.StoreInstances
        try:
            response = call(upload.requests(), metadata=self._metadata, timeout=timeout_s)
        except grpc.RpcError as error:
            upload.check()
            raise error_from_rpc(error) from None
        return upload.report(response)

    def refresh_study(self, study_instance_uid: str) -> int:
        """Have what is cached of the study thrown away; the next to ask gets it from the PACS as it is there now.

        Needs the role operator. Returns how many instances were cached.
        """
        request = InvalidateCacheRequest(study_instance_uid=uid_of_study(study_instance_uid))
        return int(self.admin(request).instances_removed)

    def admin(self, request: Message) -> Any:
        """Make the call of AdminService that takes `request`: `admin(CreateTenantRequest(tenant_id="east"))`.

        Requests and responses are in `radgate.v1.admin_service_pb2`. A failed call is not retried, for nobody knows
        whether the change was made.
        """
        rpc = type(request).__name__.removesuffix("Request")
        return self._call(getattr(self._admin, rpc), request, attempts=1)

    def retention(self, request: Message) -> Any:
        """Make the call of RetentionService that takes `request`, as `admin` does; radgate.v1.retention_service_pb2."""
        rpc = type(request).__name__.removesuffix("Request")
        return self._call(getattr(self._retention, rpc), request, attempts=1)

    def _search[Item](self, method: Callable[..., Any], pages: Pages[Item]) -> Iterator[Item]:
        while pages.request is not None:
            yield from pages.take(self._call(method, pages.request))

    def _check_open(self) -> None:
        if self._closed:
            raise ClientClosedError

    def _call(
        self,
        method: Callable[..., Any],
        request: object,
        attempts: int = MAX_ATTEMPTS,
        study: str = "",
    ) -> Any:
        """Make a unary call, again when waiting helps; it is about `study`, or as `request` says."""
        self._check_open()
        metadata, attempt = about_study(self._metadata, request, study), 1
        while True:
            try:
                return method(request, metadata=metadata, timeout=self._timeout_s)
            except grpc.RpcError as rpc_error:
                error = error_from_rpc(rpc_error)
            delay_s = retry_delay_s(error, attempt, attempts)
            if delay_s is None:
                raise error
            time.sleep(delay_s)
            attempt += 1

    def _resume[Made](self, method: Callable[..., Any], resumption: Resumption[Made]) -> Generator[Made]:
        """Stream, and when the stream breaks continue with another one from there."""
        while True:
            try:
                yield from self._stream(method, resumption.request, resumption.assembler, resumption.timeout_s)
            except RadgateError as error:
                delay_s = resumption.delay_s(error)
                if delay_s is None:
                    raise
            else:
                return
            time.sleep(delay_s)

    def _stream[Made](
        self,
        method: Callable[..., Any],
        request: object,
        assembler: Assembler[Made],
        timeout_s: float | None,
        study: str = "",
    ) -> Generator[Made]:
        self._check_open()
        call = method(request, metadata=about_study(self._metadata, request, study), timeout=timeout_s)
        try:
            for response in call:
                made = assembler.feed(response)
                if made is not None:
                    yield made
        except grpc.RpcError as error:
            raise error_from_rpc(error) from None
        finally:
            call.cancel()  # leaving early lets the server, and the PACS behind it, stop
        assembler.finish()
