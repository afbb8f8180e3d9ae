"""RetrieveService.StreamFrames against the running server: pieces join to codestreams that decode exactly."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator

import google_crc32c
import grpc
import imagecodecs
import numpy as np
import pytest
from pydicom.encaps import encapsulate

from radgate.v1 import retrieve_service_pb2 as messages
from radgate.v1.retrieve_service_pb2_grpc import RetrieveServiceStub
from radgate_server.core.access.restriction import RestrictedPatient, make_restriction
from radgate_server.core.audit.record import AuditAction
from radgate_server.services.imaging.streaming import progressive_frames
from tests.fakes.instances import make_instance
from tests.rpc.calls import reason_of
from tests.rpc.rig import Rig

STUDY = "2.25.8000"
CT, MR = f"{STUDY}.1", f"{STUDY}.2"
HTJ2K = "1.2.840.10008.1.2.4.202"
MPEG4 = "1.2.840.10008.1.2.4.102"
SIZE = 256


def pixels(number: int) -> np.ndarray:
    noise = np.random.default_rng(number).integers(0, 60, (SIZE, SIZE))
    return (noise + 10 * np.add.outer(np.arange(SIZE), np.arange(SIZE)) % 4000).astype("<u2")


def add_series(rig: Rig, series: str, count: int) -> None:
    for number in range(1, count + 1):
        data = pixels(number).tobytes()
        rig.east.add(
            make_instance(STUDY, series, f"{series}.{number}", rows=SIZE, columns=SIZE, number=number, PixelData=data)
        )


def opening(**fields: object) -> messages.StreamFramesRequest:
    return messages.StreamFramesRequest(open=messages.StreamFramesOpen(study_instance_uid=STUDY, **fields))


def priority(series: str, sop: str = "", *, whole: bool = False) -> messages.StreamFramesRequest:
    priority = messages.StreamFramesPriority(series_instance_uid=series, sop_instance_uid=sop, whole=whole)
    return messages.StreamFramesRequest(prioritize=priority)


async def call(
    rig: Rig, channel: grpc.aio.Channel, *requests: messages.StreamFramesRequest
) -> list[messages.StreamFramesResponse]:
    stub = RetrieveServiceStub(channel)
    answers = stub.StreamFrames(iter(requests), metadata=(("authorization", f"Bearer {await rig.key('east')}"),))
    return [answer async for answer in answers]


def pieces(answers: list[messages.StreamFramesResponse]) -> list[messages.FramePiece]:
    return [answer.piece for answer in answers if answer.WhichOneof("message") == "piece"]


async def test_a_low_resolution_of_all_comes_first_and_then_every_frame_bit_for_bit(
    rig: Rig, channel: grpc.aio.Channel
) -> None:
    add_series(rig, CT, 5)
    answers = await call(rig, channel, opening(first_rows=60, first_columns=60))
    assert answers[0].opened.instances == 5
    came = pieces(answers)
    assert [piece.reduction for piece in came if piece.reduction >= 0] == [2] * 5 + [0] * 5
    frames: dict[str, bytes] = defaultdict(bytes)
    for piece in came:
        sop = piece.ref.sop_instance_uid
        assert (piece.transfer_syntax_uid, piece.offset) == (HTJ2K, len(frames[sop]))
        frames[sop] += piece.data
        original = pixels(int(sop.rpartition(".")[2]))
        if piece.reduction == 2:
            small = imagecodecs.htj2k_decode(frames[sop], skipres=2, resilient=True)
            assert small.shape == (64, 64)
        if piece.reduction == 0:
            assert len(frames[sop]) == piece.size_bytes
            assert google_crc32c.value(frames[sop]) == piece.crc32c
            assert np.array_equal(imagecodecs.htj2k_decode(frames[sop]), original)
    end = answers[-1].end
    assert (end.frames, end.delivered, end.failed) == (5, 5, 0)
    assert rig.audit.actions == [AuditAction.RETRIEVE_FRAMES]


@pytest.mark.parametrize("previews", [True, False])
async def test_of_a_large_frame_a_preview_comes_first_to_who_takes_one(
    rig: Rig, channel: grpc.aio.Channel, previews: bool
) -> None:
    side = 1024
    original = np.add.outer(np.arange(side), 2 * np.arange(side)).astype("<u2")
    attributes = {"rows": side, "columns": side, "PixelData": original.tobytes()}
    rig.east.add(make_instance(STUDY, CT, f"{CT}.1", **attributes))
    answers = await call(rig, channel, opening(first_rows=200, first_columns=200, previews=previews))
    shown = [answer.preview for answer in answers if answer.WhichOneof("message") == "preview"]
    assert len(shown) == previews
    for preview in shown:
        small = imagecodecs.htj2k_decode(preview.data)
        assert np.array_equal(small, original[::5, ::5])
        assert small.shape == (preview.rows, preview.columns)
        assert (preview.ref.sop_instance_uid, preview.frame_number) == (f"{CT}.1", 1)
        assert (preview.transfer_syntax_uid, preview.crc32c) == (HTJ2K, google_crc32c.value(preview.data))
        assert answers.index(next(one for one in answers if one.WhichOneof("message") == "piece")) > 1
    came = pieces(answers)
    assert [piece.reduction for piece in came if piece.reduction >= 0] == ([0] if previews else [2, 0])
    assert np.array_equal(imagecodecs.htj2k_decode(b"".join(piece.data for piece in came)), original)
    assert (answers[-1].end.frames, answers[-1].end.delivered) == (1, 1)


async def test_the_middle_slice_by_instance_number_comes_first_once_the_series_is_near(
    rig: Rig, channel: grpc.aio.Channel
) -> None:
    add_series(rig, CT, 5)
    await call(rig, channel, opening())
    near = await call(rig, channel, opening(first_rows=16, first_columns=16))
    order = [piece.ref.sop_instance_uid for piece in pieces(near) if piece.offset == 0]
    assert order == [f"{CT}.{number}" for number in (3, 2, 4, 1, 5)]


async def test_everything_comes_at_once_without_a_first_size(rig: Rig, channel: grpc.aio.Channel) -> None:
    add_series(rig, CT, 2)
    came = pieces(await call(rig, channel, opening()))
    assert len({piece.ref.sop_instance_uid for piece in came}) == 2
    assert sum(piece.reduction == 0 for piece in came) == 2


async def test_priorities_that_come_with_the_opening_are_obeyed(rig: Rig, channel: grpc.aio.Channel) -> None:
    add_series(rig, CT, 3)
    add_series(rig, MR, 3)
    await call(rig, channel, opening())
    gate = asyncio.Event()

    async def requests() -> AsyncIterator[messages.StreamFramesRequest]:
        yield opening(first_rows=16, first_columns=16)
        yield priority(MR, f"{MR}.3", whole=True)
        await gate.wait()

    stub = RetrieveServiceStub(channel)
    answers = stub.StreamFrames(requests(), metadata=(("authorization", f"Bearer {await rig.key('east')}"),))
    came = []
    async for answer in answers:
        came.append(answer)
        if answer.WhichOneof("message") == "end":
            gate.set()
    whole = [piece.ref.sop_instance_uid for piece in pieces(came) if piece.reduction == 0]
    assert whole[:3] == [f"{MR}.{number}" for number in (3, 2, 1)]
    assert len(whole) == 6


@pytest.mark.parametrize("front_bytes", [1 << 18, 20_000, 1000])
async def test_what_is_htj2k_already_comes_in_pieces_of_what_is_stored(
    front_bytes: int, rig: Rig, channel: grpc.aio.Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small, large, and large with a front that does not show enough."""
    monkeypatch.setattr(progressive_frames, "_FRONT_BYTES", front_bytes)
    monkeypatch.setattr(progressive_frames, "_LARGE_BYTES", 2 * front_bytes)
    codestream = imagecodecs.htj2k_encode(
        pixels(1), reversible=True, prog_order="RPCL", tilepart="RESOLUTIONS", resolutions=5
    )
    rig.east.add(
        make_instance(
            STUDY,
            CT,
            f"{CT}.1",
            transfer_syntax_uid=HTJ2K,
            rows=SIZE,
            columns=SIZE,
            PixelData=encapsulate([codestream]),
        )
    )
    came = pieces(await call(rig, channel, opening(first_rows=60, first_columns=60)))
    assert [piece.reduction for piece in came if piece.reduction >= 0] == [2, 0]
    data = b"".join(piece.data for piece in came)
    assert data.rstrip(b"\0") == codestream
    assert {piece.size_bytes for piece in came} == {len(data)}
    assert came[-1].crc32c == google_crc32c.value(data)


async def test_what_can_not_be_made_htj2k_comes_whole_as_stored(rig: Rig, channel: grpc.aio.Channel) -> None:
    video = b"\0\0\0\x18ftypmp42" + bytes(1000)
    rig.east.add(
        make_instance(STUDY, CT, f"{CT}.1", transfer_syntax_uid=MPEG4, PixelData=encapsulate([video], has_bot=False))
    )
    came = pieces(await call(rig, channel, opening(first_rows=1, first_columns=1)))
    assert {piece.transfer_syntax_uid for piece in came} == {MPEG4}
    assert b"".join(piece.data for piece in came).rstrip(b"\0") == video.rstrip(b"\0")


async def test_a_damaged_instance_fails_alone(rig: Rig, channel: grpc.aio.Channel) -> None:
    add_series(rig, CT, 2)
    rig.east.add(
        make_instance(
            STUDY,
            CT,
            f"{CT}.9",
            transfer_syntax_uid="1.2.840.10008.1.2.4.90",
            PixelData=encapsulate([b"\xff\x4f" * 40]),
        )
    )
    answers = await call(rig, channel, opening(first_rows=16, first_columns=16))
    failed = [answer.failed.ref.sop_instance_uid for answer in answers if answer.WhichOneof("message") == "failed"]
    assert failed == [f"{CT}.9"]
    end = answers[-1].end
    assert (end.delivered, end.failed) == (2, 1)


@pytest.mark.parametrize(
    ("requests", "reason"),
    [
        ((), "INVALID_ARGUMENT"),
        ((priority(CT),), "INVALID_ARGUMENT"),
        ((opening(first_rows=-1),), "INVALID_ARGUMENT"),
        ((opening(first_columns=70_000),), "INVALID_ARGUMENT"),
        ((opening(sop_instance_uid="1.2"),), "INVALID_ARGUMENT"),
        ((opening(series_instance_uid="2.25.9"),), "OBJECT_NOT_FOUND"),
    ],
)
async def test_a_stream_that_can_not_be_opened_says_why(
    rig: Rig, channel: grpc.aio.Channel, requests: tuple[messages.StreamFramesRequest, ...], reason: str
) -> None:
    add_series(rig, CT, 1)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(rig, channel, *requests)
    assert reason_of(caught.value) == reason


async def test_the_status_waits_until_the_client_has_nothing_more_to_say(rig: Rig, channel: grpc.aio.Channel) -> None:
    """Through Envoy it would overtake what the client has not read yet."""
    add_series(rig, CT, 1)
    stub = RetrieveServiceStub(channel)
    stream = stub.StreamFrames(metadata=(("authorization", f"Bearer {await rig.key('east')}"),))
    await stream.write(opening())
    while (await stream.read()).WhichOneof("message") != "end":
        assert not stream.done()
    status = asyncio.ensure_future(stream.code())
    await call(rig, channel, opening())  # long enough for a status to come
    assert not status.done()
    await stream.done_writing()
    assert await status is grpc.StatusCode.OK


async def test_who_may_see_one_patient_gets_no_frame_of_another(rig: Rig, channel: grpc.aio.Channel) -> None:
    add_series(rig, CT, 2)
    strangers = f"{CT}.2"
    rig.east.replaced[strangers] = make_instance(STUDY, CT, strangers, rows=SIZE, columns=SIZE, PatientID="another")
    token = await rig.key("east", restriction=make_restriction(patients=[RestrictedPatient("P-1")]))
    stream = RetrieveServiceStub(channel).StreamFrames(
        iter([opening()]), metadata=(("authorization", f"Bearer {token}"),)
    )
    came: list[messages.StreamFramesResponse] = []

    async def read() -> None:
        async for answer in stream:
            came.append(answer)  # noqa: PERF401 - what came before the failure counts

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await read()
    assert reason_of(caught.value) == "OBJECT_NOT_FOUND"
    assert strangers not in {piece.ref.sop_instance_uid for piece in pieces(came)}
