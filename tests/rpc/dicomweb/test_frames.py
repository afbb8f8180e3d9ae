"""WADO-RS Retrieve Frames against the running server."""

from urllib.parse import urljoin

import numpy as np
import pytest
from pydicom.encaps import encapsulate

from radgate_server.core.audit.record import AuditAction
from radgate_server.core.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN
from radgate_server.core.errors import NotAcceptableError
from tests.fakes.instance_store import StoredInstance
from tests.fakes.instances import make_instance
from tests.rpc.calls import reason_of
from tests.rpc.composition import CHUNK_BYTES
from tests.rpc.dicomweb.web import Web
from tests.rpc.rig import EAST_STUDY, Rig

J2K_PART_2 = "1.2.840.10008.1.2.4.92"
JPEG = "1.2.840.10008.1.2.4.50"
OCTETS = "application/octet-stream"
AS_STORED = f"multipart/related; type={OCTETS}; transfer-syntax=*"
STUDY, SERIES = "2.25.4000", "2.25.4000.1"
FRAMES = [bytes([number]) * 128 for number in (1, 2, 3)]
COMPRESSED = [b"\xff\xd8one\xff\xd9", b"\xff\xd8two!\xff\xd9"]


def url(sop: str, frames: str) -> str:
    return f"/studies/{STUDY}/series/{SERIES}/instances/{SERIES}.{sop}/frames/{frames}"


@pytest.fixture
async def frames_web(rig: Rig, web: Web) -> Web:
    """Instance 1 has three native frames, 2 has two compressed ones, 3 a large one, 4 is Implicit VR Little Endian."""

    def instance(sop: int, **options: object) -> bytes:
        return make_instance(STUDY, SERIES, f"{SERIES}.{sop}", **options)

    rig.east.add(
        instance(1, frames=3, PixelData=b"".join(FRAMES)),
        instance(2, frames=2, transfer_syntax_uid=J2K_PART_2, PixelData=encapsulate(COMPRESSED)),
        instance(3, rows=200, columns=200, number=7),
        instance(4, transfer_syntax_uid=IMPLICIT_VR_LITTLE_ENDIAN, number=9),
        instance(5, Rows=None, Columns=None, PixelData=None),
    )
    return web


@pytest.mark.parametrize("frames", ["1", "3", "1,2,3", "3,1", "2,2"])
async def test_frames_come_in_the_order_asked_for_cold_and_from_memory(rig: Rig, frames_web: Web, frames: str) -> None:
    expected = [
        (f"{OCTETS}; transfer-syntax={EXPLICIT_VR_LITTLE_ENDIAN}", FRAMES[int(number) - 1])
        for number in frames.split(",")
    ]
    cold = await frames_web.get(url("1", frames), AS_STORED)
    rig.store.instances.clear()
    kept = await frames_web.get(url("1", frames), AS_STORED)
    assert cold.parts == kept.parts == expected
    found = [urljoin(url("1", frames), location) for location in cold.locations]
    assert found == [url("1", number) for number in frames.split(",")]
    assert cold.body == kept.body
    assert rig.east.calls["retrieve"] == 1
    assert rig.audit.actions == [AuditAction.RETRIEVE_FRAMES] * 2
    assert {(entry.sop_instance_uid, entry.detail) for entry in rig.audit.entries} == {(f"{SERIES}.1", frames)}


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (AS_STORED, f"{OCTETS}; transfer-syntax={J2K_PART_2}"),
        ("*/*", f"image/jpx; transfer-syntax={J2K_PART_2}"),
        ('multipart/related; type="image/jpx"', f"image/jpx; transfer-syntax={J2K_PART_2}"),
    ],
)
async def test_compressed_frames_come_as_stored(frames_web: Web, accept: str, content_type: str) -> None:
    answer = await frames_web.get(url("2", "2,1"), accept)
    heads, datas = zip(*answer.parts, strict=True)
    assert set(heads) == {content_type}
    assert [data.rstrip(b"\0") for data in datas] == COMPRESSED[::-1]


@pytest.mark.parametrize(
    ("sop", "accept", "content_type"),
    [
        ("1", OCTETS, f"{OCTETS}; transfer-syntax={EXPLICIT_VR_LITTLE_ENDIAN}"),
        ("2", "image/jpx", f"image/jpx; transfer-syntax={J2K_PART_2}"),
    ],
)
async def test_one_frame_can_come_bare(frames_web: Web, sop: str, accept: str, content_type: str) -> None:
    answer = await frames_web.get(url(sop, "1"), accept)
    assert answer.content_type == content_type
    assert answer.body.rstrip(b"\0") == {"1": FRAMES[0], "2": COMPRESSED[0]}[sop]


async def test_a_large_frame_comes_in_messages_and_is_kept_so(frames_web: Web) -> None:
    cold, kept = [await frames_web.get(url("3", "1"), AS_STORED) for _ in range(2)]
    assert cold.parts[0][1] == kept.parts[0][1] == b"\7\0" * 40_000
    assert kept.messages > 80_000 // CHUNK_BYTES // 2
    assert cold.messages == kept.messages


async def test_implicit_pixels_are_those_of_explicit_little_endian(frames_web: Web) -> None:
    answer = await frames_web.get(url("4", "1"))
    assert answer.parts == [(f"{OCTETS}; transfer-syntax={EXPLICIT_VR_LITTLE_ENDIAN}", b"\t\0" * 64)]


@pytest.mark.parametrize(
    ("sop", "frames", "accept", "reason"),
    [
        ("1", "4", AS_STORED, "OBJECT_NOT_FOUND"),
        ("1", "0", AS_STORED, "INVALID_ARGUMENT"),
        ("1", "1,4", AS_STORED, "OBJECT_NOT_FOUND"),
        ("5", "1", AS_STORED, "OBJECT_NOT_FOUND"),
        ("9", "1", AS_STORED, "OBJECT_NOT_FOUND"),
        ("1", "1,", AS_STORED, "INVALID_ARGUMENT"),
        ("1", "-1", AS_STORED, "INVALID_ARGUMENT"),
        ("1", "one", AS_STORED, "INVALID_ARGUMENT"),
        ("x", "1", AS_STORED, "INVALID_ARGUMENT"),
        ("1", "1", "multipart/related; type", "INVALID_ARGUMENT"),
        ("1", "1,2", OCTETS, "NOT_ACCEPTABLE"),
        ("1", "1", 'multipart/related; type="image/jpx"', "NOT_ACCEPTABLE"),
        ("2", "1", f"{AS_STORED[:-1]}{EXPLICIT_VR_LITTLE_ENDIAN}", "NOT_ACCEPTABLE"),
    ],
)
async def test_what_can_not_be_answered(
    rig: Rig, frames_web: Web, sop: str, frames: str, accept: str, reason: str
) -> None:
    answer = await frames_web.get(url(sop, frames), accept)
    assert answer.error is not None
    assert (reason_of(answer.error), answer.messages) == (reason, 0)
    assert rig.audit.entries == []


async def test_what_is_kept_belongs_to_tenant_and_study(rig: Rig, frames_web: Web) -> None:
    await frames_web.get(url("1", "1"), AS_STORED)
    west = Web(frames_web.channel, await rig.key("west"))
    elsewhere = url("1", "1").replace(STUDY, EAST_STUDY, 1)
    for answer in (await west.get(url("1", "1"), AS_STORED), await frames_web.get(elsewhere, AS_STORED)):
        assert answer.error is not None
        assert reason_of(answer.error) == "OBJECT_NOT_FOUND"


async def test_what_is_kept_is_not_served_when_it_can_not_be_recorded(rig: Rig, frames_web: Web) -> None:
    await frames_web.get(url("1", "1"), AS_STORED)
    rig.audit.broken = True
    answer = await frames_web.get(url("1", "1"), AS_STORED)
    assert answer.error is not None
    assert (reason_of(answer.error), answer.messages) == ("AUDIT_UNAVAILABLE", 0)


async def _refuse(*_: object, **__: object) -> bytes:
    raise NotAcceptableError("12 bits can't be decoded")


async def test_what_the_decoder_refuses_comes_as_stored(rig: Rig, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rig.workers, "transcode", _refuse)
    sop = f"{SERIES}.6"
    file = make_instance(STUDY, SERIES, sop, frames=2, transfer_syntax_uid=JPEG, PixelData=encapsulate(COMPRESSED))
    rig.east.add(file)
    frames = await web.get(url("6", "1,2"), f'multipart/related; type="{OCTETS}"')
    assert [head for head, _ in frames.parts] == [f"{OCTETS}; transfer-syntax={JPEG}"] * 2
    instance = await web.get(url("6", "1").partition("/frames")[0])
    assert instance.parts == [(f"application/dicom; transfer-syntax={JPEG}", file)]
    strict = await web.get(url("6", "1"), f"{AS_STORED[:-1]}{EXPLICIT_VR_LITTLE_ENDIAN}")
    assert strict.error is not None
    assert reason_of(strict.error) == "NOT_ACCEPTABLE"


@pytest.mark.parametrize("accept", [AS_STORED, OCTETS])
async def test_ranges_of_a_frame_join_to_its_whole_answer(frames_web: Web, accept: str) -> None:
    first = await frames_web.get(url("3", "1"), accept, range="bytes=0-999")
    rest = await frames_web.get(url("3", "1"), accept, range="bytes=1000-")
    whole = await frames_web.get(url("3", "1"), accept)
    size = len(whole.body)
    assert first.body + rest.body == whole.body
    assert first.content_type == rest.content_type == whole.content_type
    assert first.header("content-range") == [f"bytes 0-999/{size}"]
    assert rest.header("content-range") == [f"bytes 1000-{size - 1}/{size}"]
    assert first.header("x-http-status") == rest.header("x-http-status") == ["206"]
    assert not whole.header("x-http-status")


async def test_a_range_is_recorded_as_the_access_that_it_is(rig: Rig, frames_web: Web) -> None:
    await frames_web.get(url("1", "1"), AS_STORED, range="bytes=0-9")
    await frames_web.get(url("1", "1"), AS_STORED, range="bytes=10-")
    assert rig.audit.actions == [AuditAction.RETRIEVE_FRAMES] * 2


@pytest.mark.parametrize(
    ("header", "reason"),
    [("bytes=99999999-", "RANGE_NOT_SATISFIABLE"), ("bytes=5-1", "INVALID_ARGUMENT"), ("bytes=-", "INVALID_ARGUMENT")],
)
async def test_ranges_that_can_not_be_given_are_refused(frames_web: Web, header: str, reason: str) -> None:
    answer = await frames_web.get(url("1", "1"), AS_STORED, range=header)
    assert answer.error is not None
    assert reason_of(answer.error) == reason


async def test_frames_too_large_to_be_kept_come_whole_whatever_the_range(rig: Rig, frames_web: Web) -> None:
    rig.east.add(make_instance(STUDY, SERIES, f"{SERIES}.9", rows=2000, columns=9000, number=8))
    answer = await frames_web.get(url("9", "1"), AS_STORED, range="bytes=0-9")
    assert len(answer.parts) == 1
    assert not answer.header("x-http-status")


async def test_of_frames_too_large_to_be_kept_no_more_than_a_piece_is_read_at_a_time(
    rig: Rig, frames_web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    whole = StoredInstance.read

    async def watched(handle: StoredInstance, offset: int, length: int) -> bytes:
        read.append(length)
        return await whole(handle, offset, length)

    monkeypatch.setattr(StoredInstance, "read", watched)
    rows, columns = 2000, 9000
    pixels = np.arange(rows * columns, dtype="<u2").tobytes()
    rig.east.add(make_instance(STUDY, SERIES, f"{SERIES}.9", rows=rows, columns=columns, number=8, PixelData=pixels))
    for frames in ("1", "1,1"):
        answer = await frames_web.get(url("9", frames), AS_STORED)
        assert [data == pixels for _, data in answer.parts] == [True] * len(frames.split(","))
    assert max(read) <= max(CHUNK_BYTES, 64 * 1024)


async def test_a_frame_of_several_messages_reports_its_length(rig: Rig, frames_web: Web) -> None:
    rig.east.add(make_instance(STUDY, SERIES, f"{SERIES}.9", rows=1000, columns=1000, number=8))
    for _ in ("made", "kept"):
        answer = await frames_web.get(url("9", "1"), AS_STORED)
        assert answer.header("x-content-length") == [str(len(answer.body))]
        assert answer.header("accept-ranges") == ["bytes"]
    assert not (await frames_web.get(url("1", "1"), AS_STORED)).header("x-content-length")
    assert not (await frames_web.get(url("9", "1,1"), AS_STORED)).header("x-content-length")


async def test_a_range_is_of_the_body_that_the_client_has_begun(frames_web: Web) -> None:
    first = await frames_web.get(url("1", "1"), AS_STORED, range="bytes=0-9")
    (tag,) = first.header("etag")
    same = await frames_web.get(url("1", "1"), AS_STORED, range="bytes=10-19", **{"if-range": tag})
    assert (len(same.body), same.header("etag"), same.header("x-http-status")) == (10, [tag], ["206"])
    assert same.header("x-content-length") == ["10"]
    assert same.header("cache-control") == ["no-store"]
    for other in ('"another"', f"W/{tag}", "Wed, 01 Jan 2025 00:00:00 GMT"):
        whole = await frames_web.get(url("1", "1"), AS_STORED, range="bytes=10-19", **{"if-range": other})
        assert len(whole.parts) == 1
        assert not whole.header("x-http-status")


async def test_a_list_of_frames_comes_whole_whatever_the_range(frames_web: Web) -> None:
    for _ in ("made", "kept"):
        answer = await frames_web.get(url("1", "1,1"), AS_STORED, range="bytes=0-9")
        assert len(answer.parts) == 2
        assert not answer.header("x-http-status")
