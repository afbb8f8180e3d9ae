import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import google_crc32c
import grpc
import pytest

from radgate.dicomweb.v1.dicomweb_service_pb2 import RetrieveRequest
from radgate.dicomweb.v1.dicomweb_service_pb2_grpc import DicomWebServiceStub
from radgate.v1.dicom_pb2 import InstanceRef as RefMessage
from radgate.v1.retrieve_service_pb2 import (
    RetrieveFramesRequest,
    RetrieveInstancesRequest,
    RetrieveInstancesResponse,
    RetrieveMetadataRequest,
)
from radgate.v1.retrieve_service_pb2_grpc import RetrieveServiceStub
from radgate_server.core.audit.record import AuditAction
from radgate_server.core.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN
from radgate_server.core.errors import InstanceNotSentError, PacsUnreachableError
from radgate_server.core.pacs.connections import FolderConnection, PacsConfig
from radgate_server.services.retrieve.steady_instance import SteadyInstance
from tests.fakes.clock import START
from tests.fakes.instances import make_instance, make_study
from tests.rpc.calls import error_info_of, reason_of
from tests.rpc.composition import CHUNK_BYTES
from tests.rpc.rig import EAST_STUDY, Rig, running_rig

JPEG_LOSSLESS = "1.2.840.10008.1.2.4.70"
JPEG_2000_PART_2 = "1.2.840.10008.1.2.4.92"  # known, without a codec
FIRST = f"{EAST_STUDY}.1.1"


class Viewer:
    """Calls RetrieveService as a viewer of the tenant east."""

    def __init__(self, channel: grpc.aio.Channel, token: str) -> None:
        self._stub: Any = RetrieveServiceStub(channel)
        self.metadata = (("authorization", f"Bearer {token}"),)

    def __call__(self, rpc: str, request: object) -> Any:
        return getattr(self._stub, rpc)(request, metadata=self.metadata, timeout=30)

    async def instances(self, **fields: Any) -> tuple[list[tuple[Any, bytes, Any]], Any]:
        """All instances as (header, data, trailer), and the completeness record."""
        found: list[tuple[Any, bytes, Any]] = []
        completeness = None
        async for response in self("RetrieveInstances", RetrieveInstancesRequest(**fields)):
            assert completeness is None
            match response.WhichOneof("piece"):
                case "header":
                    header, data = response.header, bytearray()
                case "chunk":
                    data += response.chunk
                case "trailer":
                    found.append((header, bytes(data), response.trailer))
                case "completeness":
                    completeness = response.completeness
        return found, completeness


@pytest.fixture
async def viewer(rig: Rig, channel: grpc.aio.Channel) -> Viewer:
    return Viewer(channel, await rig.key("east"))


async def test_a_study_comes_whole_with_its_checksums(rig: Rig, viewer: Viewer) -> None:
    found, completeness = await viewer.instances(study_instance_uid=EAST_STUDY)
    assert sorted(data for _, data, _ in found) == sorted(make_study(3, study=EAST_STUDY, series=2))
    for header, data, trailer in found:
        assert (header.size_bytes, header.transfer_syntax_uid) == (len(data), EXPLICIT_VR_LITTLE_ENDIAN)
        assert (trailer.crc32c, trailer.status.code) == (google_crc32c.value(data), 0)
    assert (completeness.expected, completeness.delivered, list(completeness.failed)) == (6, 6, [])
    assert rig.audit.entries[-1].action is AuditAction.RETRIEVE
    assert rig.audit.entries[-1].study_instance_uid == EAST_STUDY


async def test_a_large_instance_comes_in_chunks(rig: Rig, viewer: Viewer) -> None:
    rig.east.add(large := make_instance("2.25.5", "2.25.5.1", "2.25.5.1.1", rows=256, columns=256))
    request = RetrieveInstancesRequest(
        study_instance_uid="2.25.5", series_instance_uid="2.25.5.1", sop_instance_uid="2.25.5.1.1"
    )
    chunks = [response.chunk async for response in viewer("RetrieveInstances", request) if response.chunk]
    assert b"".join(chunks) == large
    assert len(chunks) > len(large) // (CHUNK_BYTES * 3 // 2)


async def test_a_series_is_narrowed_down(viewer: Viewer) -> None:
    found, completeness = await viewer.instances(study_instance_uid=EAST_STUDY, series_instance_uid=f"{EAST_STUDY}.2")
    assert {header.ref.series_instance_uid for header, _, _ in found} == {f"{EAST_STUDY}.2"}
    assert completeness.expected == 3


async def test_what_is_not_accepted_is_converted(rig: Rig, viewer: Viewer) -> None:
    rig.east.add(*make_study(1, study="2.25.6", transfer_syntax_uid=IMPLICIT_VR_LITTLE_ENDIAN))
    accepted = [JPEG_2000_PART_2, EXPLICIT_VR_LITTLE_ENDIAN, JPEG_LOSSLESS]
    found, completeness = await viewer.instances(study_instance_uid="2.25.6", accepted_transfer_syntax_uids=accepted)
    header, data, trailer = found[0]
    assert (header.transfer_syntax_uid, header.size_bytes) == (EXPLICIT_VR_LITTLE_ENDIAN, len(data))
    assert trailer.crc32c == google_crc32c.value(data)
    assert completeness.delivered == 1


@pytest.mark.parametrize("accepted", [["*"], [IMPLICIT_VR_LITTLE_ENDIAN], []])
async def test_what_is_accepted_comes_as_stored(rig: Rig, viewer: Viewer, accepted: list[str]) -> None:
    rig.east.add(*(stored := make_study(1, study="2.25.6", transfer_syntax_uid=IMPLICIT_VR_LITTLE_ENDIAN)))
    found, _ = await viewer.instances(study_instance_uid="2.25.6", accepted_transfer_syntax_uids=accepted)
    assert [data for _, data, _ in found] == stored


async def test_what_can_not_be_made_is_reported_each_instance(viewer: Viewer) -> None:
    found, completeness = await viewer.instances(
        study_instance_uid=EAST_STUDY, accepted_transfer_syntax_uids=[JPEG_2000_PART_2]
    )
    assert not found
    assert (completeness.expected, completeness.delivered, len(completeness.failed)) == (6, 0, 6)
    assert {failed.status.code for failed in completeness.failed} == {grpc.StatusCode.FAILED_PRECONDITION.value[0]}


async def test_an_incomplete_study_says_what_is_missing_and_why(rig: Rig, viewer: Viewer) -> None:
    rig.east.omitted.add(FIRST)
    rig.east.failing[f"{EAST_STUDY}.2.2"] = InstanceNotSentError("the PACS did not send it", pacs="main")
    found, completeness = await viewer.instances(study_instance_uid=EAST_STUDY)
    assert len(found) == completeness.delivered == 4
    assert {failed.ref.sop_instance_uid for failed in completeness.failed} == {FIRST, f"{EAST_STUDY}.2.2"}
    assert all(failed.status.details for failed in completeness.failed)


async def test_an_instance_that_is_lost_half_way_ends_with_its_status(
    rig: Rig, viewer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def half(self: object, chunk_bytes: int) -> AsyncIterator[bytes]:
        yield b"half"
        raise InstanceNotSentError("the PACS now sends other bytes", pacs="main")

    monkeypatch.setattr("radgate_server.rpc.v1.streams.sources.StoredSource.chunks", half)
    found, completeness = await viewer.instances(study_instance_uid=EAST_STUDY)
    assert {trailer.status.code for _, _, trailer in found} == {grpc.StatusCode.UNKNOWN.value[0]}
    assert (len(found), completeness.delivered, len(completeness.failed)) == (6, 0, 6)


async def test_while_one_is_sent_the_next_is_being_read(
    viewer: Viewer, channel: grpc.aio.Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, _ = await viewer.instances(study_instance_uid=EAST_STUDY)
    two, read = asyncio.Barrier(2), SteadyInstance.read

    async def read_two_at_once(self: SteadyInstance, offset: int, length: int) -> bytes:
        await two.wait()
        return await read(self, offset, length)

    monkeypatch.setattr(SteadyInstance, "read", read_two_at_once)
    found, completeness = await viewer.instances(study_instance_uid=EAST_STUDY)
    assert [data for _, data, _ in found] == [data for _, data, _ in before]
    assert (completeness.delivered, list(completeness.failed)) == (6, [])
    web: Any = DicomWebServiceStub(channel)
    answer = web.RetrieveInstances(RetrieveRequest(study=EAST_STUDY), metadata=viewer.metadata, timeout=30)
    body = b"".join([message.data async for message in answer])
    assert all(data in body for _, data, _ in found)


async def test_a_stream_continues_where_it_was_left_at_whichever_server(rig: Rig, viewer: Viewer) -> None:
    found, _ = await viewer.instances(study_instance_uid=EAST_STUDY)
    for came in range(1, 7):
        async with running_rig() as other, grpc.aio.insecure_channel(other.target) as channel:
            there = Viewer(channel, await other.key("east"))
            token = found[came - 1][2].resume_token
            rest, completeness = await there.instances(study_instance_uid=EAST_STUDY, resume_token=token)
            brought = [data for _, data, _ in found[:came] + rest]
            assert sorted(brought) == sorted(make_study(3, study=EAST_STUDY, series=2))
            assert (completeness.expected, completeness.delivered) == (6, 6 - came)
            assert (completeness.delivered_before, list(completeness.failed)) == (came, [])
            assert other.audit.entries[-1].detail == f"resumed after {came} instances"
            assert not rest or rest[-1][2].resume_token == found[-1][2].resume_token


async def test_an_instance_that_failed_is_tried_again_and_fails_alone(rig: Rig, viewer: Viewer) -> None:
    rig.east.failing[FIRST] = InstanceNotSentError("the PACS did not send it", pacs="main")
    found, _ = await viewer.instances(study_instance_uid=EAST_STUDY)
    token = found[-1][2].resume_token
    rest, completeness = await viewer.instances(study_instance_uid=EAST_STUDY, resume_token=token)
    assert not rest
    assert (completeness.delivered_before, completeness.delivered, len(completeness.failed)) == (5, 0, 1)
    rig.east.failing.clear()
    rest, completeness = await viewer.instances(study_instance_uid=EAST_STUDY, resume_token=token)
    assert [header.ref.sop_instance_uid for header, _, _ in rest] == [FIRST]
    assert (completeness.delivered_before, completeness.delivered, len(completeness.failed)) == (5, 1, 0)


async def test_headers_go_on_where_they_were_left(viewer: Viewer) -> None:
    async def headers(token: bytes) -> list[Any]:
        request = RetrieveMetadataRequest(study_instance_uid=EAST_STUDY, resume_token=token)
        return [response async for response in viewer("RetrieveMetadata", request)]

    first = await headers(b"")
    rest = await headers(first[3].metadata.resume_token)
    assert [response.metadata for response in rest[:-1]] == [response.metadata for response in first[4:-1]]
    assert (rest[-1].completeness.delivered_before, rest[-1].completeness.delivered) == (4, 2)
    with pytest.raises(grpc.aio.AioRpcError, match="another request"):
        await viewer.instances(study_instance_uid=EAST_STUDY, resume_token=first[3].metadata.resume_token)


async def test_a_token_is_stale_once_the_study_has_grown(rig: Rig, viewer: Viewer) -> None:
    found, _ = await viewer.instances(study_instance_uid=EAST_STUDY)
    rig.east.add(make_instance(EAST_STUDY, f"{EAST_STUDY}.3", f"{EAST_STUDY}.3.1"))
    rig.clock.advance(60)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await viewer.instances(study_instance_uid=EAST_STUDY, resume_token=found[2][2].resume_token)
    assert (caught.value.code(), reason_of(caught.value)) == (grpc.StatusCode.ABORTED, "RESUME_TOKEN_STALE")
    assert rig.audit.entries[-1].detail == ""


async def test_a_token_is_good_for_its_tenant_and_its_scope_alone(
    rig: Rig, channel: grpc.aio.Channel, viewer: Viewer
) -> None:
    found, _ = await viewer.instances(study_instance_uid=EAST_STUDY)
    token = found[0][2].resume_token
    rig.west.add(*make_study(3, study=EAST_STUDY, series=2))
    west = Viewer(channel, await rig.key("west"))
    for stranger, fields in (
        (west, {"study_instance_uid": EAST_STUDY, "resume_token": token}),
        (viewer, {"study_instance_uid": EAST_STUDY, "series_instance_uid": f"{EAST_STUDY}.1", "resume_token": token}),
        (viewer, {"study_instance_uid": EAST_STUDY, "resume_token": b"noise"}),
        (viewer, {"study_instance_uid": EAST_STUDY, "resume_token": token + token}),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stranger.instances(**fields)
        assert error_info_of(caught.value).reason == "INVALID_ARGUMENT"
        assert error_info_of(caught.value).metadata["field"] == "resume_token"
    assert not rig.west.calls


async def test_a_pacs_that_did_not_answer_is_named_in_the_closing_record(rig: Rig, viewer: Viewer) -> None:
    await rig.directory.create_pacs(PacsConfig("east", "second", FolderConnection("/second"), START))
    rig.second.refuse_with = PacsUnreachableError("the PACS can't be reached", pacs="second")
    found, completeness = await viewer.instances(study_instance_uid=EAST_STUDY)
    assert (len(found), completeness.expected, list(completeness.unanswered_pacs)) == (6, 6, ["second"])


async def test_an_outage_is_an_error(rig: Rig, viewer: Viewer) -> None:
    rig.east.refuse_with = PacsUnreachableError("the PACS can't be reached", pacs="main")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await viewer.instances(study_instance_uid=EAST_STUDY)
    assert (caught.value.code(), reason_of(caught.value)) == (grpc.StatusCode.UNAVAILABLE, "PACS_UNREACHABLE")


async def test_nothing_leaves_that_can_not_be_recorded(rig: Rig, viewer: Viewer) -> None:
    rig.audit.broken = True
    ref = RefMessage(study_instance_uid=EAST_STUDY, series_instance_uid=f"{EAST_STUDY}.1", sop_instance_uid=FIRST)
    for rpc, request in (
        ("RetrieveInstances", RetrieveInstancesRequest(study_instance_uid=EAST_STUDY)),
        ("RetrieveMetadata", RetrieveMetadataRequest(study_instance_uid=EAST_STUDY)),
        ("RetrieveFrames", RetrieveFramesRequest(ref=ref)),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await viewer(rpc, request).read()  # the failure stands in place of the first message
        assert reason_of(caught.value) == "AUDIT_UNAVAILABLE"


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"study_instance_uid": "1..2"},
        {"study_instance_uid": "1.2", "sop_instance_uid": "1.3"},
        {"study_instance_uid": "1.2", "accepted_transfer_syntax_uids": ["jpeg"]},
        {"study_instance_uid": "1.2", "accepted_transfer_syntax_uids": ["*", "1.2"]},
    ],
)
async def test_a_malformed_request_is_refused(viewer: Viewer, fields: dict[str, Any]) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await viewer.instances(**fields)
    assert reason_of(caught.value) == "INVALID_ARGUMENT"


async def test_a_client_that_leaves_gives_the_pacs_back(rig: Rig, viewer: Viewer) -> None:
    rig.east.latency_s = 0.2
    call = viewer("RetrieveInstances", RetrieveInstancesRequest(study_instance_uid=EAST_STUDY))
    assert isinstance(await call.read(), RetrieveInstancesResponse)
    assert rig.east.open_retrieves == 1
    call.cancel()
    async with asyncio.timeout(30):
        while rig.east.open_retrieves or not rig.telemetry.rpcs:
            await asyncio.sleep(0.01)
    assert rig.east.cancelled == 1
    assert rig.telemetry.rpcs[-1].code == "CANCELLED"


async def test_metadata_are_full_headers_with_relative_bulk_data(viewer: Viewer) -> None:
    received = [
        response
        async for response in viewer("RetrieveMetadata", RetrieveMetadataRequest(study_instance_uid=EAST_STUDY))
    ]
    assert received[-1].completeness.delivered == len(received) - 1 == 6
    header = next(response.metadata for response in received if response.metadata.ref.sop_instance_uid == FIRST)
    attributes = json.loads(header.dicom_json)
    assert attributes["00100010"]["Value"] == [{"Alphabetic": "Müller^Jürgen"}]
    place = f"studies/{EAST_STUDY}/series/{EAST_STUDY}.1/instances/{FIRST}"
    assert attributes["7FE00010"]["BulkDataURI"] == f"{place}/bulkdata/7FE00010"


async def test_frames_come_in_the_order_asked_for(rig: Rig, viewer: Viewer) -> None:
    rig.east.add(make_instance("2.25.7", "2.25.7.1", "2.25.7.1.1", rows=100, columns=100, frames=3, number=9))
    ref = RefMessage(study_instance_uid="2.25.7", series_instance_uid="2.25.7.1", sop_instance_uid="2.25.7.1.1")
    for asked, expected in (([3, 1], [3, 1]), ([], [1, 2, 3])):
        numbers, data = [], b""
        async for response in viewer("RetrieveFrames", RetrieveFramesRequest(ref=ref, frame_numbers=asked)):
            match response.WhichOneof("piece"):
                case "header":
                    numbers.append(response.header.frame_number)
                    data = b""
                case "chunk":
                    data += response.chunk
                case "trailer":
                    assert data == (9).to_bytes(2, "little") * 10_000
                    assert response.trailer.crc32c == google_crc32c.value(data)
        assert numbers == expected
    assert [entry.detail for entry in rig.audit.entries[-2:]] == ["frames 3,1", "all frames"]


@pytest.mark.parametrize(
    ("numbers", "accepted", "reason"),
    [
        ([2], [], "OBJECT_NOT_FOUND"),
        ([0], [], "INVALID_ARGUMENT"),
        ([1], [JPEG_2000_PART_2], "NOT_ACCEPTABLE"),
    ],
)
async def test_frames_that_can_not_be_given(
    viewer: Viewer, numbers: list[int], accepted: list[str], reason: str
) -> None:
    ref = RefMessage(study_instance_uid=EAST_STUDY, series_instance_uid=f"{EAST_STUDY}.1", sop_instance_uid=FIRST)
    request = RetrieveFramesRequest(ref=ref, frame_numbers=numbers, accepted_transfer_syntax_uids=accepted)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await viewer("RetrieveFrames", request).read()
    assert reason_of(caught.value) == reason
