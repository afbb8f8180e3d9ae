"""TranscodeService on a real gRPC server, with the product's codecs."""

import asyncio
from collections.abc import Iterable
from io import BytesIO
from typing import Any

import google_crc32c
import grpc
import pytest
from google.protobuf.message import Message
from PIL import Image
from pydicom import dcmread

import radgate
import radgate.aio
from radgate.v1 import transcode_service_pb2 as messages
from radgate.v1.dicom_pb2 import InstanceRef
from radgate_server.core.audit.record import AuditAction
from radgate_server.core.dicom.instances import InstanceHandle
from radgate_server.core.dicom.transfer_syntaxes import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    HTJ2K_LOSSLESS_RPCL,
    IMPLICIT_VR_LITTLE_ENDIAN,
    JPEG_2000,
    JPEG_LOSSLESS_SV1,
    RLE_LOSSLESS,
)
from radgate_server.core.errors import InstanceMalformedError
from radgate_server.core.imaging.ports import Priority
from radgate_server.rpc.v1.transcode import signs_of_life
from radgate_server.services.imaging.stored_frames import StoredFrames
from tests.fakes.instances import make_instance
from tests.rpc.calls import invoke, reason_of
from tests.rpc.composition import MAX_UPLOAD_BYTES
from tests.rpc.rig import EAST_STUDY, WEST_STUDY, Rig

SERVICE = "radgate.v1.TranscodeService"
SERIES = f"{EAST_STUDY}.1"
MULTI_FRAME = make_instance(EAST_STUDY, SERIES, f"{SERIES}.9", rows=64, columns=48, frames=5, number=700)
REF = InstanceRef(study_instance_uid=EAST_STUDY, series_instance_uid=SERIES, sop_instance_uid=f"{SERIES}.9")
FIRST = InstanceRef(study_instance_uid=EAST_STUDY, series_instance_uid=SERIES, sop_instance_uid=f"{SERIES}.1")
WEST = InstanceRef(
    study_instance_uid=WEST_STUDY, series_instance_uid=f"{WEST_STUDY}.1", sop_instance_uid=f"{WEST_STUDY}.1.1"
)

PNG = messages.TranscodeTarget(media_type="image/png")

type Frame = tuple[messages.TranscodedFrameHeader, bytes]
type Whole = tuple[messages.TranscodedInstanceHeader, bytes]


@pytest.fixture
async def token(rig: Rig) -> str:
    rig.east.add(MULTI_FRAME)
    return await rig.key("east")


class Calls:
    """What a client makes of the answers: sizes and checksums compared."""

    def __init__(self, channel: grpc.aio.Channel, token: str) -> None:
        self._channel = channel
        self._token = token

    async def frames(self, target: messages.TranscodeTarget, *numbers: int, ref: InstanceRef = REF) -> list[Frame]:
        request = messages.TranscodeFramesRequest(ref=ref, frame_numbers=numbers, target=target)
        frames: list[Frame] = []
        for piece in await self._call("TranscodeFrames", request):
            response = messages.TranscodeFramesResponse.FromString(piece)
            match response.WhichOneof("piece"):
                case "header":
                    frames.append((response.header, b""))
                case "chunk":
                    frames[-1] = (frames[-1][0], frames[-1][1] + response.chunk)
                case "trailer":
                    header, data = frames[-1]
                    assert (len(data), google_crc32c.value(data)) == (header.size_bytes, response.trailer.crc32c)
        return frames

    async def instance(self, target: messages.TranscodeTarget, *, ref: InstanceRef = REF) -> Whole:
        request = messages.TranscodeInstanceRequest(ref=ref, target=target)
        return whole(await self._call("TranscodeInstance", request))

    async def upload(self, *requests: messages.TranscodeUploadRequest) -> Whole:
        call = self._channel.stream_stream(f"/{SERVICE}/TranscodeUpload")
        metadata = [("authorization", f"Bearer {self._token}")]
        encoded = iter([request.SerializeToString() for request in requests])
        return whole([piece async for piece in call(encoded, metadata=metadata, timeout=30)])

    async def _call(self, rpc: str, request: Message) -> list[bytes]:
        return await invoke(self._channel, f"{SERVICE}/{rpc}", request.SerializeToString(), token=self._token)


@pytest.fixture
def calls(channel: grpc.aio.Channel, token: str) -> Calls:
    return Calls(channel, token)


def whole(pieces: Iterable[bytes]) -> Whole:
    header, *chunks, end = map(messages.TranscodeInstanceResponse.FromString, pieces)
    data = b"".join(chunk.chunk for chunk in chunks)
    assert (len(data), google_crc32c.value(data), end.trailer.status.code) == (
        header.header.size_bytes,
        end.trailer.crc32c,
        0,
    )
    return header.header, data


def to(uid: str, **fields: Any) -> messages.TranscodeTarget:
    return messages.TranscodeTarget(transfer_syntax_uid=uid, **fields)


async def test_workers_know_for_which_tenant_they_work(rig: Rig, calls: Calls) -> None:
    assert await calls.frames(to(JPEG_LOSSLESS_SV1))
    assert rig.workers.tenants == {"east"}


async def test_frames_come_as_stored_when_nothing_else_is_asked_for(calls: Calls) -> None:
    frames = await calls.frames(messages.TranscodeTarget())
    assert [(header.frame_number, header.transfer_syntax_uid, header.lossy) for header, _ in frames] == [
        (number, EXPLICIT_VR_LITTLE_ENDIAN, False) for number in range(1, 6)
    ]
    assert {data for _, data in frames} == {(700).to_bytes(2, "little") * (64 * 48)}
    assert {header.media_type for header, _ in frames} == {"application/octet-stream"}


async def test_frames_come_in_the_transfer_syntax_and_order_asked_for(rig: Rig, calls: Calls) -> None:
    frames = await calls.frames(to(HTJ2K_LOSSLESS_RPCL), 4, 1)
    assert [(header.frame_number, header.rows, header.columns) for header, _ in frames] == [(4, 64, 48), (1, 64, 48)]
    assert {(header.transfer_syntax_uid, header.media_type) for header, _ in frames} == {
        (HTJ2K_LOSSLESS_RPCL, "image/jphc")
    }
    assert all(data.startswith(b"\xff\x4f\xff\x51") for _, data in frames)  # SOC and SIZ of a codestream
    assert {call.priority for call in rig.workers.calls} == {Priority.INTERACTIVE}


async def test_a_frame_that_fails_fails_alone(
    rig: Rig, token: str, channel: grpc.aio.Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = StoredFrames.read

    async def fail_second(frames: StoredFrames, tenant_id: str, handle: InstanceHandle, number: int) -> Any:
        if number == 2:
            raise InstanceMalformedError("the second frame is cut off")
        return await read(frames, tenant_id, handle, number)

    monkeypatch.setattr(StoredFrames, "read", fail_second)
    for service in ("RetrieveService/RetrieveFrames", "TranscodeService/TranscodeFrames"):
        request = messages.TranscodeFramesRequest(ref=REF, frame_numbers=[1, 2, 3]).SerializeToString()
        pieces = await invoke(channel, f"radgate.v1.{service}", request, token=token)
        answers = [messages.TranscodeFramesResponse.FromString(piece) for piece in pieces]
        assert [answer.header.frame_number for answer in answers if answer.HasField("header")] == [1, 2, 3]
        statuses = [answer.trailer.status for answer in answers if answer.HasField("trailer")]
        assert [bool(status.code) for status in statuses] == [False, True, False]
        assert "INSTANCE_MALFORMED" in str(statuses[1].details)
    async with radgate.aio.Client(rig.target, token) as client:
        frames = client.frames(REF.study_instance_uid, SERIES, REF.sop_instance_uid, [1, 2, 3])
        assert (await anext(frames)).frame_number == 1
        with pytest.raises(radgate.RadgateError, match="cut off"):
            await anext(frames)


@pytest.mark.parametrize(
    ("target", "size", "media_type"),
    [
        (messages.TranscodeTarget(quality_level=messages.QUALITY_LEVEL_THUMBNAIL), (96, 128), "image/jpeg"),
        (messages.TranscodeTarget(quality_level=messages.QUALITY_LEVEL_PREVIEW), (576, 768), "image/jpeg"),
        (PNG, (48, 64), "image/png"),
    ],
)
async def test_frames_come_as_pictures(
    calls: Calls, target: messages.TranscodeTarget, size: tuple[int, int], media_type: str
) -> None:
    frames = await calls.frames(target, 1, 2, 3)
    assert [header.frame_number for header, _ in frames] == [1, 2, 3]
    for header, data in frames:
        picture = Image.open(BytesIO(data))
        assert (header.media_type, header.lossy, header.transfer_syntax_uid) == (media_type, True, "")
        assert picture.size == (header.columns, header.rows) == size
        assert Image.MIME[picture.format or ""] == media_type


@pytest.mark.parametrize(
    ("target", "numbers", "reason"),
    [
        (to("no uid"), (), "INVALID_ARGUMENT"),
        (to(JPEG_2000, quality=200), (), "INVALID_ARGUMENT"),
        (to("1.2.840.10008.1.2.4.100"), (), "NOT_ACCEPTABLE"),
        (to(JPEG_2000), (0,), "INVALID_ARGUMENT"),
        (to(JPEG_2000), (6,), "OBJECT_NOT_FOUND"),
    ],
)
async def test_frames_that_can_not_be_given(
    rig: Rig, calls: Calls, target: messages.TranscodeTarget, numbers: tuple[int, ...], reason: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await calls.frames(target, *numbers)
    assert reason_of(caught.value) == reason
    assert rig.audit.entries == []


@pytest.mark.parametrize("uid", [HTJ2K_LOSSLESS_RPCL, JPEG_LOSSLESS_SV1, RLE_LOSSLESS])
async def test_an_instance_comes_whole_in_another_transfer_syntax(calls: Calls, uid: str) -> None:
    header, data = await calls.instance(to(uid))
    read, stored = dcmread(BytesIO(data)), dcmread(BytesIO(MULTI_FRAME))
    assert (header.ref, header.transfer_syntax_uid, header.lossy) == (REF, uid, False)
    assert (read.file_meta.TransferSyntaxUID, read.SOPInstanceUID) == (uid, stored.SOPInstanceUID)
    assert len(read.PixelData) < len(stored.PixelData)


async def test_what_became_lossy_is_another_instance(calls: Calls) -> None:
    header, data = await calls.instance(to(JPEG_2000, quality=50))
    read = dcmread(BytesIO(data))
    assert header.lossy
    assert read.SOPInstanceUID == header.ref.sop_instance_uid != REF.sop_instance_uid
    assert read.LossyImageCompression == "01"


async def test_an_instance_that_is_stored_so_comes_untouched(rig: Rig, calls: Calls) -> None:
    header, data = await calls.instance(to(EXPLICIT_VR_LITTLE_ENDIAN))
    assert (header.lossy, data) == (False, MULTI_FRAME)
    assert rig.workers.calls == []


async def test_a_transcoded_instance_is_made_once(rig: Rig, calls: Calls) -> None:
    first = await calls.instance(to(RLE_LOSSLESS))
    made = len(rig.workers.calls)
    assert await calls.instance(to(RLE_LOSSLESS)) == first
    assert len(rig.workers.calls) == made > 0


async def test_every_access_is_recorded_before_anything_leaves(rig: Rig, calls: Calls) -> None:
    await calls.frames(messages.TranscodeTarget(media_type="image/jpeg"), 2, 3)
    await calls.instance(to(RLE_LOSSLESS))
    assert [(entry.action, entry.sop_instance_uid, entry.detail) for entry in rig.audit.entries] == [
        (AuditAction.TRANSCODE, REF.sop_instance_uid, "frames 2,3 to image/jpeg"),
        (AuditAction.TRANSCODE, REF.sop_instance_uid, f"to {RLE_LOSSLESS}"),
    ]
    rig.audit.broken = True
    for ask in (calls.frames(messages.TranscodeTarget()), calls.instance(to(RLE_LOSSLESS)), calls.upload(*sent())):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await ask
        assert reason_of(caught.value) == "AUDIT_UNAVAILABLE"


async def test_another_tenants_instance_does_not_exist(calls: Calls) -> None:
    for ask in (calls.frames(messages.TranscodeTarget(), ref=WEST), calls.instance(to(RLE_LOSSLESS), ref=WEST)):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await ask
        assert reason_of(caught.value) == "OBJECT_NOT_FOUND"


def sent(
    data: bytes = MULTI_FRAME, uid: str = RLE_LOSSLESS, piece_bytes: int = 4000
) -> Iterable[messages.TranscodeUploadRequest]:
    yield messages.TranscodeUploadRequest(target=to(uid))
    for start in range(0, len(data), piece_bytes):
        yield messages.TranscodeUploadRequest(chunk=data[start : start + piece_bytes])


async def test_an_upload_comes_back_transcoded(rig: Rig, calls: Calls) -> None:
    header, data = await calls.upload(*sent())
    assert (header.ref, header.transfer_syntax_uid) == (REF, RLE_LOSSLESS)
    assert data == (await calls.instance(to(RLE_LOSSLESS)))[1]
    assert rig.audit.entries[0].detail == f"the caller's own file to {RLE_LOSSLESS}"
    assert await calls.upload(*sent(uid=EXPLICIT_VR_LITTLE_ENDIAN)) == (
        messages.TranscodedInstanceHeader(
            ref=REF, transfer_syntax_uid=EXPLICIT_VR_LITTLE_ENDIAN, size_bytes=len(MULTI_FRAME)
        ),
        MULTI_FRAME,
    )


@pytest.mark.parametrize("uid", [IMPLICIT_VR_LITTLE_ENDIAN, DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN])
async def test_an_upload_may_become_what_only_rewriting_makes(calls: Calls, uid: str) -> None:
    header, data = await calls.upload(*sent(uid=uid))
    read = dcmread(BytesIO(data))
    assert (header.transfer_syntax_uid, read.file_meta.TransferSyntaxUID, header.lossy) == (uid, uid, False)
    assert read == dcmread(BytesIO(MULTI_FRAME))


async def test_an_upload_is_kept_nowhere_and_is_not_taken_for_what_is(rig: Rig, calls: Calls) -> None:
    """An upload with the UIDs of a stored instance, but with other pixels."""
    await calls.instance(to(RLE_LOSSLESS))
    kept, derived = dict(rig.store.instances), await rig.derived.usage("east")
    forged = make_instance(EAST_STUDY, SERIES, f"{SERIES}.9", rows=8, columns=8, number=3)
    _, data = await calls.upload(*sent(forged))
    assert dcmread(BytesIO(data)).Rows == 8
    assert rig.store.instances == kept
    assert (await rig.derived.usage("east")).entries == derived.entries == 1
    assert dcmread(BytesIO((await calls.instance(to(RLE_LOSSLESS)))[1])).Rows == 64


@pytest.mark.parametrize(
    ("requests", "reason"),
    [
        ((), "INVALID_ARGUMENT"),
        (list(sent())[1:], "INVALID_ARGUMENT"),
        ([*sent(), messages.TranscodeUploadRequest(target=to(RLE_LOSSLESS))], "INVALID_ARGUMENT"),
        (
            [messages.TranscodeUploadRequest(target=messages.TranscodeTarget(media_type="image/png"))],
            "INVALID_ARGUMENT",
        ),
        (list(sent(uid="1.2.840.10008.1.2.4.100")), "NOT_ACCEPTABLE"),
        (list(sent(b"")), "INSTANCE_MALFORMED"),
        (list(sent(MULTI_FRAME[:-9])), "INSTANCE_MALFORMED"),
        (list(sent(bytes(MAX_UPLOAD_BYTES + 1), piece_bytes=1 << 18)), "INSTANCE_TOO_LARGE"),
    ],
)
async def test_uploads_that_can_not_be_transcoded(
    rig: Rig, calls: Calls, requests: Iterable[messages.TranscodeUploadRequest], reason: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await calls.upload(*requests)
    assert reason_of(caught.value) == reason
    assert rig.audit.entries == []


async def test_signs_of_life_last_as_long_as_the_work() -> None:
    resume = asyncio.Event()
    task = asyncio.create_task(resume.wait())
    signs = 0
    async for _ in signs_of_life(task, 0):
        signs += 1
        if signs == 3:
            resume.set()
    assert task.done()
    assert signs >= 3
