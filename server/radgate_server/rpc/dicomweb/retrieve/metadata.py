"""WADO-RS Retrieve Metadata (PS3.18 10.4.1.1.2): full headers in the DICOM JSON model, bulk data by absolute URL."""

from collections.abc import AsyncGenerator

from radgate_server.core.audit.record import AuditAction
from radgate_server.core.cache.ports.tiers import CacheKey, HotCache
from radgate_server.core.dicom.identifiers import InstanceRef, parse_scope
from radgate_server.core.dicom.instance_index import BULK_DATA_ROOT
from radgate_server.core.dicom.instances import FailedInstance
from radgate_server.core.errors import GatewayError
from radgate_server.rpc.access.audited import record_stream
from radgate_server.rpc.dicomweb.answers.http_body import encode_http_body, split_http_bodies
from radgate_server.rpc.dicomweb.answers.multipart import Envelope, part_messages
from radgate_server.rpc.dicomweb.negotiation.accept import acceptables
from radgate_server.rpc.dicomweb.negotiation.base_url import BaseUrl
from radgate_server.rpc.dicomweb.negotiation.media_types import negotiate_json
from radgate_server.rpc.dicomweb.retrieve.deliveries import open_deliveries
from radgate_server.rpc.pipeline.call import Call
from radgate_server.rpc.pipeline.messages import MAX_DATA_BYTES
from radgate_server.services.audit.recording import Auditor
from radgate_server.services.retrieve.instances import InstanceReader
from radgate_server.services.retrieve.retrieval import Delivery, RetrieveService

_ROOT = BULK_DATA_ROOT.encode()


class MetadataResource:
    """Streams one JSON array, each instance as soon as it is there.

    Whole answers are kept ready to be sent again for `ttl_s` seconds: a series may grow in the PACS.
    """

    def __init__(
        self,
        retrieve: RetrieveService,
        instances: InstanceReader,
        auditor: Auditor,
        hot: HotCache,
        *,
        max_kept_bytes: int,
        ttl_s: float,
        base_url: BaseUrl,
    ) -> None:
        self._retrieve = retrieve
        self._instances = instances
        self._auditor = auditor
        self._hot = hot
        self._max_kept_bytes = max_kept_bytes
        self._ttl_s = ttl_s
        self._base_url = base_url

    async def retrieve(self, study: str, series: str, instance: str, call: Call) -> AsyncGenerator[bytes]:
        """Encoded HttpBody messages. An instance that fails ends the stream with its error, and no closing bracket."""
        scope = parse_scope(study, series, instance)
        content_type = negotiate_json(acceptables(call.header("accept"), call.header("x-envoy-original-path")))
        base = self._base_url.of(call.header)
        key = CacheKey(call.caller.tenant_id, study, "metadata", f"{series}/{instance}\n{base}\n{content_type}")
        mark = self._hot.mark()
        kept = await self._hot.get(key)
        if kept is not None:
            await self._auditor.record(call.caller, AuditAction.RETRIEVE_METADATA, scope, size_bytes=len(kept))
            *before, call.response = split_http_bodies(kept)  # the last one leaves with the status
            for message in before:
                yield message
            return
        failure: GatewayError | None = None
        body: list[bytes] = []
        size_bytes = 0
        async with open_deliveries(self._retrieve, call.caller.tenant_id, scope) as opened:
            async for delivery in opened.stream:
                try:
                    header = await self._render(delivery, base, call)
                except GatewayError as error:
                    failure = failure or opened.unforeseen(delivery.ref, error)
                    continue
                if not size_bytes:
                    sent = await record_stream(self._auditor, call, AuditAction.RETRIEVE_METADATA, scope)
                    if warnings := opened.warnings():
                        await call.send_initial_metadata(warnings)
                lead = b"," if size_bytes else b"["
                yield encode_http_body("" if size_bytes else content_type, lead, header)
                size_bytes += len(header) + 1
                sent.instances += 1
                if size_bytes < self._max_kept_bytes:
                    body += (lead, header)
        if failure is not None:
            raise failure
        call.response = encode_http_body("", b"]")  # leaves with the status
        whole = size_bytes < self._max_kept_bytes and not (opened.unanswered or opened.refused)
        if whole and await self._is_cached(key.tenant_id, delivery):
            await self._hot.put(mark, key, _encode_whole(content_type, b"".join((*body, b"]"))), self._ttl_s)

    async def _is_cached(self, tenant_id: str, last: Delivery) -> bool:
        """Whether what the answer was made of was not thrown away meanwhile, such as by an erasure."""
        return not isinstance(last, FailedInstance) and await self._instances.is_current(tenant_id, last)

    async def _render(self, delivery: Delivery, base: str, call: Call) -> bytes:
        if isinstance(delivery, FailedInstance):
            raise delivery.error
        metadata = await self._instances.metadata(call.caller.tenant_id, delivery)
        return metadata.replace(_ROOT, bulkdata_root(base, delivery.ref))


def bulkdata_root(base: str, ref: InstanceRef) -> bytes:
    """Where the bulk data of an instance is found; the path of each element follows."""
    place = f"studies/{ref.study_instance_uid}/series/{ref.series_instance_uid}/instances/{ref.sop_instance_uid}"
    return f"{base}/dicom-web/{place}/bulkdata/".encode()


def _encode_whole(content_type: str, body: bytes) -> bytes:
    messages = part_messages(Envelope(content_type), body, first=True, last=True, chunk_bytes=MAX_DATA_BYTES)
    return b"".join(messages)
