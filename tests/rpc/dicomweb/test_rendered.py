"""WADO-RS Retrieve Rendered, and WADO-URI Retrieve Rendered Instance, against the running server."""

import asyncio
from io import BytesIO
from urllib.parse import urljoin

import numpy as np
import pytest
from PIL import Image
from pydicom.encaps import encapsulate

from radgate_server.core.audit.record import AuditAction
from radgate_server.core.imaging.ports import Priority
from radgate_server.core.imaging.render_target import RENDERED_JPEG
from tests.fakes.frame_workers import WorkersCall
from tests.fakes.instances import make_instance
from tests.rpc.calls import reason_of
from tests.rpc.dicomweb.web import Web
from tests.rpc.rig import Rig

STUDY, SERIES = "2.25.4000", "2.25.4000.1"
PDF, STRUCTURED_REPORT = "1.2.840.10008.5.1.4.1.1.104.1", "1.2.840.10008.5.1.4.1.1.88.11"
H264 = "1.2.840.10008.1.2.4.102"
RAMP = np.tile(np.arange(64, dtype="<u2") * 64, (32, 1))
DOCUMENT = b"%PDF-1.7 " + bytes(range(256)) * 100 + b"\n%%EOF"
VIDEO = b"\0\0\0\x18ftypmp42" + bytes(40_000)
ONE_RENDERING = WorkersCall("render", 1, Priority.INTERACTIVE)


def url(sop: str, more: str = "") -> str:
    return f"/studies/{STUDY}/series/{SERIES}/instances/{SERIES}.{sop}{more}/rendered"


def picture(body: bytes) -> np.ndarray:
    with Image.open(BytesIO(body)) as image:
        return np.asarray(image.convert("L")).astype(int)


@pytest.fixture
async def pictures(rig: Rig, web: Web) -> Web:
    """1 is a ramp to 4032, 2 has five frames that get brighter, 3 is a PDF, 4 a video, 5 a report, 6 is broken."""

    def instance(sop: int, **options: object) -> bytes:
        return make_instance(STUDY, SERIES, f"{SERIES}.{sop}", number=sop, **options)

    size = {"rows": 32, "columns": 64}
    frames = b"".join((RAMP // 8 + 100 * number).astype("<u2").tobytes() for number in range(5))
    no_pixels = {"Rows": None, "Columns": None, "PixelData": None}
    window = {"WindowCenter": 2048, "WindowWidth": 4096}
    rig.east.add(
        instance(1, **size, **window, PixelData=RAMP.tobytes()),
        instance(2, **size, **window, frames=5, FrameTime=40, PixelData=frames),
        instance(
            3,
            **no_pixels,
            SOPClassUID=PDF,
            Modality="DOC",
            EncapsulatedDocument=DOCUMENT + b"\0",
            EncapsulatedDocumentLength=len(DOCUMENT),
            MIMETypeOfEncapsulatedDocument="application/pdf",
        ),
        instance(
            4, **size, frames=5, transfer_syntax_uid=H264, PixelData=encapsulate([VIDEO[:30_000], VIDEO[30_000:]])
        ),
        instance(5, **no_pixels, SOPClassUID=STRUCTURED_REPORT, Modality="SR"),
        instance(6, **size, transfer_syntax_uid="1.2.840.10008.1.2.4.50", PixelData=encapsulate([b"\xff\xd8broken"])),
    )
    return web


async def test_a_picture_is_rendered_once_and_given_again(rig: Rig, pictures: Web) -> None:
    cold = await pictures.get(url("1"), "*/*")
    rig.store.instances.clear()
    kept = await pictures.get(url("1"), "*/*")
    assert (cold.content_type, cold.body) == (kept.content_type, kept.body)
    assert cold.content_type == RENDERED_JPEG
    assert abs(picture(cold.body) - RAMP / 4096 * 256).max() <= 3
    assert rig.workers.calls == [ONE_RENDERING]
    assert [(one.action, one.sop_instance_uid) for one in rig.audit.entries] == [
        (AuditAction.RENDER, f"{SERIES}.1")
    ] * 2


async def test_who_asks_at_the_same_time_shares_one_rendering(rig: Rig, pictures: Web) -> None:
    answers = await asyncio.gather(*(pictures.get(url("1")) for _ in range(8)))
    assert len({answer.body for answer in answers}) == 1
    assert rig.workers.calls == [ONE_RENDERING]
    assert len(rig.audit.entries) == 8


async def test_a_client_that_has_it_is_informed_and_recorded(rig: Rig, pictures: Web) -> None:
    first = await pictures.get(url("1"))
    [tag] = first.header("etag")
    again = await pictures.get(url("1"), if_none_match=f'"other", {tag}')
    assert (again.header("x-http-status"), again.header("etag"), again.body) == (["304"], [tag], b"")
    changed = await pictures.get(url("1") + "?window=100,200,linear", if_none_match=tag)
    assert changed.header("etag") != [tag]
    assert changed.body
    assert len(rig.audit.entries) == 3


@pytest.mark.parametrize(
    ("query", "accept", "content_type", "size", "left", "right"),
    [
        ("", "image/png", "image/png", (64, 32), 0, 252),
        ("", "image/gif", "image/gif", (64, 32), 0, 252),
        ("?accept=image/png", "image/jpeg", "image/png", (64, 32), 0, 252),
        ("?viewport=32,32", "image/png", "image/png", (32, 16), 2, 250),
        ("?viewport=32,32,32,0,32,32", "image/png", "image/png", (32, 32), 128, 252),
        ("?window=100,10,linear", "image/png", "image/png", (64, 32), 0, 255),
    ],
)
async def test_the_query_says_how_it_is_to_look(
    pictures: Web, query: str, accept: str, content_type: str, size: tuple[int, int], left: int, right: int
) -> None:
    answer = await pictures.get(url("1") + query, accept)
    assert answer.content_type == content_type
    grey = picture(answer.body)
    assert grey.shape == size[::-1]
    assert abs(grey[:, 0] - left).max() <= 2
    assert abs(grey[:, -1] - right).max() <= 2


async def test_a_multi_frame_instance_is_one_picture_an_animation_or_parts(rig: Rig, pictures: Web) -> None:
    still = await pictures.get(url("2"), "image/png")
    moving = await pictures.get(url("2"), "image/gif")
    parts = await pictures.get(url("2"), 'multipart/related; type="image/png"')
    with Image.open(BytesIO(moving.body)) as image:
        assert (image.n_frames, image.info["duration"]) == (5, 40)
    greys = [picture(data)[0, 0] for head, data in parts.parts if head == "image/png"]
    assert len(greys) == 5
    assert greys == sorted(set(greys))
    assert picture(still.body)[0, 0] == greys[2]  # the middle one
    assert [call.frames for call in rig.workers.calls] == [1, 5, 1, 1, 1, 1, 1]
    assert len(rig.audit.entries) == 3


async def test_listed_frames_come_in_their_order(rig: Rig, pictures: Web) -> None:
    one = await pictures.get(url("2", "/frames/4"), "image/png")
    several = await pictures.get(url("2", "/frames/4,1,4"), 'multipart/related; type="image/png"')
    greys = [picture(data)[0, 0] for _, data in several.parts]
    assert greys == [picture(one.body)[0, 0], 0, greys[0]]
    assert greys[0] > 0
    assert [entry.detail for entry in rig.audit.entries] == ["4", "4,1,4"]


@pytest.mark.parametrize(
    "path",
    [
        url("2", "/frames/4,1"),
        url("2"),
        f"/studies/{STUDY}/series/{SERIES}/rendered",
        f"/studies/{STUDY}/rendered",
    ],
)
async def test_each_part_is_found_by_itself_as_it_looks_here(pictures: Web, path: str) -> None:
    asked = f"{path}?window=2048,4096,linear"
    several = await pictures.get(asked, 'multipart/related; type="image/png"')
    found = [urljoin(asked, location) for location in several.locations]
    assert len(found) == len(several.parts) > 0
    for (_, data), place in zip(several.parts, found, strict=True):
        assert (await pictures.get(place, "image/png")).body == data


@pytest.mark.parametrize("accept", ["image/jpeg", "image/png, image/jp2", "image/jpeg, */*;q=0"])
async def test_who_takes_single_pictures_only_hears_that_a_list_is_several_parts(pictures: Web, accept: str) -> None:
    answer = await pictures.get(url("2", "/frames/1,2"), accept)
    assert answer.error is not None
    assert reason_of(answer.error) == "NOT_ACCEPTABLE"
    assert 'multipart/related; type="image/jpeg"' in (answer.error.details() or "")


async def test_a_list_with_a_damaged_frame_breaks_off_there(rig: Rig, pictures: Web) -> None:
    whole = BytesIO()
    Image.fromarray((RAMP // 16).astype("u1")).save(whole, "jpeg")
    frames = [whole.getvalue(), b"\xff\xd8broken\0\0", whole.getvalue()]
    jpeg = {"transfer_syntax_uid": "1.2.840.10008.1.2.4.50", "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}
    data = encapsulate(frames)
    rig.east.add(
        make_instance(STUDY, SERIES, f"{SERIES}.7", number=7, rows=32, columns=64, frames=3, **jpeg, PixelData=data)
    )
    accept, path = 'multipart/related; type="image/jpeg"', url("7", "/frames/1,2,3")
    answer = await pictures.get(path, accept)
    assert answer.error is not None
    assert reason_of(answer.error) in ("CODEC_FAILED", "INSTANCE_MALFORMED")
    assert answer.body.count(b"Content-Type: ") == 1
    assert not answer.body.endswith(b"--\r\n")
    sound = await pictures.get(path.replace("1,2,3", "3,1"), accept)
    assert (sound.error, len(sound.parts)) == (None, 2)


@pytest.mark.parametrize(
    ("sop", "content_type", "body", "sandboxed"),
    [("3", "application/pdf", DOCUMENT, []), ("4", "video/mp4", VIDEO, ["sandbox"])],
)
async def test_documents_and_videos_come_as_they_are_stored(
    rig: Rig, pictures: Web, sop: str, content_type: str, body: bytes, sandboxed: list[str]
) -> None:
    answer = await pictures.get(url(sop), "*/*")
    assert (answer.content_type, answer.body.rstrip(b"\0")) == (content_type, body.rstrip(b"\0"))
    assert answer.header("content-security-policy") == sandboxed
    part = await pictures.get(url(sop), content_type, range="bytes=5-9")
    assert (part.header("x-http-status"), part.body) == (["206"], body[5:10])
    assert rig.audit.actions == [AuditAction.RENDER] * 2
    assert rig.workers.calls == []


async def test_the_padding_of_a_document_stays_behind(pictures: Web) -> None:
    assert (await pictures.get(url("3"))).body == DOCUMENT


@pytest.mark.parametrize("scope", [f"/studies/{STUDY}", f"/studies/{STUDY}/series/{SERIES}"])
async def test_an_image_stands_for_its_series_and_study(rig: Rig, pictures: Web, scope: str) -> None:
    answer = await pictures.get(f"{scope}/rendered", "image/png")
    assert picture(answer.body).shape == (32, 64)
    again = await pictures.get(f"{scope}/rendered", "image/png")
    assert again.body == answer.body
    assert rig.east.sent == 1
    assert len(rig.audit.entries) == 2


@pytest.mark.parametrize(
    ("path", "accept", "reason"),
    [
        (url("1", "/frames/2"), "*/*", "OBJECT_NOT_FOUND"),
        (url("1", "/frames/0"), "*/*", "INVALID_ARGUMENT"),
        (url("9"), "*/*", "OBJECT_NOT_FOUND"),
        (url("x"), "*/*", "INVALID_ARGUMENT"),
        (url("1"), "text/html", "NOT_ACCEPTABLE"),
        (url("2", "/frames/1,2"), "image/jpeg", "NOT_ACCEPTABLE"),
        (url("3"), "image/jpeg", "NOT_ACCEPTABLE"),
        (url("3", "/frames/1"), "*/*", "OBJECT_NOT_FOUND"),
        (url("5"), "*/*", "NOT_ACCEPTABLE"),
        (url("6"), "*/*", "INSTANCE_MALFORMED"),
        (url("1") + "?window=40,0,linear", "*/*", "INVALID_ARGUMENT"),
        (url("1") + "?annotation=patient", "*/*", "INVALID_ARGUMENT"),
        (url("1") + "?viewport=1000000000,1000000000", "*/*", "IMAGE_TOO_LARGE"),
        (url("1") + f"?viewport={'9' * 400},{'9' * 400}", "*/*", "IMAGE_TOO_LARGE"),
        ("/studies/2.25.404/rendered", "*/*", "OBJECT_NOT_FOUND"),
    ],
)
async def test_what_can_not_be_answered(rig: Rig, pictures: Web, path: str, accept: str, reason: str) -> None:
    answer = await pictures.get(path, accept)
    assert answer.error is not None
    assert (reason_of(answer.error), answer.messages) == (reason, 0)
    assert rig.audit.entries == []


async def test_absurd_pictures_bother_no_pacs(rig: Rig, pictures: Web) -> None:
    answer = await pictures.get(url("1") + "?viewport=1000000000,1000000000")
    assert answer.error is not None
    assert not rig.east.calls


async def test_what_is_kept_is_not_served_when_it_can_not_be_recorded(rig: Rig, pictures: Web) -> None:
    await pictures.get(url("1"))
    rig.audit.broken = True
    for path in (url("1"), url("2"), url("3"), url("2", "/frames/1,2")):
        answer = await pictures.get(path)
        assert answer.error is not None
        assert (reason_of(answer.error), answer.messages) == ("AUDIT_UNAVAILABLE", 0)


async def test_neighbours_see_nothing(rig: Rig, pictures: Web) -> None:
    await pictures.get(url("1"))
    west = Web(pictures.channel, await rig.key("west"))
    answer = await west.get(url("1"))
    assert answer.error is not None
    assert reason_of(answer.error) == "OBJECT_NOT_FOUND"


@pytest.mark.parametrize(
    ("more", "content_type", "shape"),
    [
        ("", RENDERED_JPEG, (32, 64)),
        ("&contentType=image/png", "image/png", (32, 64)),
        ("&contentType=image/png&rows=8&columns=64", "image/png", (8, 16)),
        ("&contentType=image/png&region=.5,0,1,1", "image/png", (32, 32)),
        ("&contentType=image/png&windowCenter=100&windowWidth=10&frameNumber=1", "image/png", (32, 64)),
    ],
)
async def test_wado_uri_gives_pictures_too(
    rig: Rig, pictures: Web, more: str, content_type: str, shape: tuple[int, int]
) -> None:
    place = f"/wado?requestType=WADO&studyUID={STUDY}&seriesUID={SERIES}&objectUID={SERIES}.1{more}"
    answers = [await pictures.get(place, "*/*") for _ in range(2)]
    assert [answer.content_type for answer in answers] == [content_type] * 2
    assert picture(answers[0].body).shape == shape
    assert rig.workers.calls == [ONE_RENDERING]
    assert rig.audit.actions == [AuditAction.RENDER] * 2


@pytest.mark.parametrize(
    ("sop", "more", "reason"),
    [
        ("2", "&frameNumber=6", "INVALID_ARGUMENT"),
        ("5", "", "NOT_ACCEPTABLE"),
        ("9", "", "OBJECT_NOT_FOUND"),
    ],
)
async def test_what_wado_uri_can_not_show(pictures: Web, sop: str, more: str, reason: str) -> None:
    answer = await pictures.get(
        f"/wado?requestType=WADO&studyUID={STUDY}&seriesUID={SERIES}&objectUID={SERIES}.{sop}{more}"
    )
    assert answer.error is not None
    assert (reason_of(answer.error), answer.messages) == (reason, 0)
