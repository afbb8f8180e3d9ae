"""StoreService: instances from a client's stream into a PACS."""

from collections.abc import AsyncIterator
from typing import Any

import google_crc32c

from radgate.v1 import store_service_pb2 as messages
from radgate_server.core.dicom.identifiers import parse_uid
from radgate_server.core.errors import InstanceMalformedError, InvalidArgumentError
from radgate_server.core.store.outcome import RefusedInstance, StoreReport, StoreResult
from radgate_server.rpc.access.field_paths import named_in_request
from radgate_server.rpc.errors import status_of
from radgate_server.rpc.pipeline.call import Call
from radgate_server.rpc.v1.convert.common import to_ref
from radgate_server.services.store.storage import StoreService
from radgate_server.services.store.upload import Pieces

type _Requests = AsyncIterator[messages.StoreInstancesRequest]


class StoreServicer:
    """radgate.v1.StoreService."""

    def __init__(self, store: StoreService) -> None:
        self._store = store

    async def StoreInstances(self, requests: _Requests, call: Call) -> messages.StoreInstancesResponse:  # noqa: N802
        """Store each instance as it comes; every one's result at the end."""
        upload = _Upload(requests)
        target = await upload.target()
        study_instance_uid = target.study_instance_uid
        if study_instance_uid:
            parse_uid(study_instance_uid, "study_instance_uid")
        report = await self._store.store(
            call.caller, upload.instances(), pacs=target.pacs, study_instance_uid=study_instance_uid or None
        )
        return _response(report)


class _Upload:
    """A stream of pieces, cut into instances. What is malformed about the stream ends it with InvalidArgumentError."""

    def __init__(self, requests: _Requests) -> None:
        self._requests = aiter(requests)
        self._next: messages.StoreInstancesRequest | None = None
        self._within = False

    async def target(self) -> messages.StoreTarget:
        """What the first piece says of the target."""
        piece = await self._read()
        if piece is not None and piece.WhichOneof("piece") != "target":
            self._next = piece
        return piece.target if piece is not None else messages.StoreTarget()

    async def instances(self) -> AsyncIterator[Pieces]:
        """One instance after the other; the rest of one that was not read to its end is passed over."""
        while (piece := await self._read()) is not None:
            kind = piece.WhichOneof("piece")
            if kind == "start" and not self._within:
                self._within = True
                yield self._pieces(piece.start)
            elif self._within and kind in ("chunk", "end"):
                self._within = kind == "chunk"
            else:
                raise InvalidArgumentError("piece", "an instance is a start, chunks and an end; a target comes first")
        if self._within:
            raise InvalidArgumentError("piece", "the stream ends within an instance")

    async def _pieces(self, start: messages.StoreStart) -> Pieces:
        """Raises InstanceMalformedError when the bytes are not those that the client announced."""
        crc32c = size_bytes = 0
        while (piece := await self._read()) is not None and piece.WhichOneof("piece") == "chunk":
            crc32c = google_crc32c.extend(crc32c, piece.chunk)
            size_bytes += len(piece.chunk)
            yield piece.chunk
        self._next = piece
        if piece is None or piece.WhichOneof("piece") != "end":
            raise InstanceMalformedError("the instance was not sent to its end")
        if start.HasField("size_bytes") and start.size_bytes != size_bytes:
            raise InstanceMalformedError("the instance has another size than its start says")
        if piece.end.HasField("crc32c") and piece.end.crc32c != crc32c:
            raise InstanceMalformedError("the instance has another checksum than its end says")

    async def _read(self) -> messages.StoreInstancesRequest | None:
        if self._next is not None:
            piece, self._next = self._next, None
            return piece
        return await anext(self._requests, None)


_REQUEST: Any = messages.StoreInstancesRequest.DESCRIPTOR


def _response(report: StoreReport) -> messages.StoreInstancesResponse:
    return messages.StoreInstancesResponse(pacs=report.pacs, results=map(_result, report.results))


def _result(result: StoreResult) -> messages.StoreResult:
    ref = to_ref(result.ref) if result.ref else None
    if isinstance(result, RefusedInstance):
        return messages.StoreResult(
            ref=ref,
            sop_class_uid=result.sop_class_uid,
            status=status_of(named_in_request(result.error, _REQUEST)),
            dicom_status=result.failure_reason,
        )
    return messages.StoreResult(ref=ref, sop_class_uid=result.sop_class_uid, dicom_status=result.warning)
