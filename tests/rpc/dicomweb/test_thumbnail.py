"""Thumbnails against the running server."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from radgate_server.core.audit.record import AuditAction
from tests.fakes.instances import make_instance
from tests.rpc.calls import reason_of
from tests.rpc.dicomweb.web import Web
from tests.rpc.rig import Rig

STUDY, SERIES = "2.25.4000", "2.25.4000.1"
BRIGHT = np.full((32, 64), 4095, "<u2")
WINDOW = {"WindowCenter": 2048, "WindowWidth": 4096}


def url(sop: str, more: str = "") -> str:
    return f"/studies/{STUDY}/series/{SERIES}/instances/{SERIES}.{sop}{more}/thumbnail"


def picture(body: bytes) -> np.ndarray:
    with Image.open(BytesIO(body)) as image:
        return np.asarray(image.convert("L")).astype(int)


@pytest.fixture
async def thumbnails(rig: Rig, web: Web) -> Web:
    """1 is bright, 2 has three frames of which the second is bright, 3 is a report, 4 is damaged."""
    frames = np.concatenate([BRIGHT * 0, BRIGHT, BRIGHT * 0]).tobytes()
    size = {"rows": 32, "columns": 64}

    def instance(sop: int, **options: object) -> bytes:
        return make_instance(STUDY, SERIES, f"{SERIES}.{sop}", number=sop, **options)

    rig.east.add(
        instance(1, **size, **WINDOW, PixelData=BRIGHT.tobytes()),
        instance(2, **size, **WINDOW, frames=3, PixelData=frames),
        instance(
            3, Rows=None, Columns=None, PixelData=None, Modality="SR", SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11"
        ),
        instance(4, **size, PixelData=b"\0\0"),
    )
    return web


@pytest.mark.parametrize(("sop", "more"), [("1", ""), ("2", ""), ("2", "/frames/2")])
async def test_a_thumbnail_is_small_and_square_with_the_image_in_its_middle(
    rig: Rig, thumbnails: Web, sop: str, more: str
) -> None:
    cold = await thumbnails.get(url(sop, more))
    assert cold.content_type == "image/jpeg"
    grey = picture(cold.body)
    assert grey.shape == (128, 128)
    assert grey[40:88].min() > 240  # half as high as wide
    assert grey[:24].max() < 10
    assert grey[104:].max() < 10
    again = await thumbnails.get(url(sop, more))
    assert again.body == cold.body
    assert len(rig.workers.calls) == 1
    assert rig.audit.actions == [AuditAction.RENDER] * 2


async def test_what_was_made_once_needs_neither_pacs_nor_instance(rig: Rig, thumbnails: Web) -> None:
    cold = await thumbnails.get(url("1"))
    await rig.hot.invalidate("east", None)
    rig.store.instances.clear()
    rig.east.calls.clear()
    kept = await thumbnails.get(url("1"))
    assert kept.body == cold.body
    assert not rig.east.calls


@pytest.mark.parametrize(
    ("query", "accept", "content_type", "shape"),
    [
        ("?viewport=64,32", "*/*", "image/jpeg", (32, 64)),
        ("", "image/png", "image/png", (128, 128)),
        ("?viewport=20,20&accept=image/png", "", "image/png", (20, 20)),
    ],
)
async def test_other_thumbnails(
    thumbnails: Web, query: str, accept: str, content_type: str, shape: tuple[int, int]
) -> None:
    answer = await thumbnails.get(url("1") + query, accept)
    assert answer.content_type == content_type
    assert picture(answer.body).shape == shape


async def test_what_has_no_pixels_is_drawn_and_what_is_damaged_is_not(rig: Rig, thumbnails: Web) -> None:
    drawn = picture((await thumbnails.get(url("3"), "image/png")).body)
    assert drawn.shape == (128, 128)
    assert abs(drawn[0] - 40).max() <= 2
    assert drawn[48:80, 40:88].max() > 180
    damaged = await thumbnails.get(url("4"))
    assert damaged.error is not None
    assert reason_of(damaged.error) == "INSTANCE_MALFORMED"


@pytest.mark.parametrize("scope", [f"/studies/{STUDY}", f"/studies/{STUDY}/series/{SERIES}"])
async def test_series_and_study_have_one(rig: Rig, thumbnails: Web, scope: str) -> None:
    answer = await thumbnails.get(f"{scope}/thumbnail")
    assert picture(answer.body)[64, 64] > 240
    assert rig.east.sent == 1


@pytest.mark.parametrize("size", [64, 128, 256])
async def test_an_instance_is_found_by_its_uid_alone(rig: Rig, thumbnails: Web, size: int) -> None:
    path = f"/thumbnails/{SERIES}.2?size={size}"
    answers = [await thumbnails.get(path) for _ in range(2)]
    assert picture(answers[0].body).shape == (size, size)
    assert answers[0].body == answers[1].body
    assert rig.east.calls["find"] == 3  # for the place, then for the study's state and for who holds it
    entry = rig.audit.entries[-1]
    assert (entry.study_instance_uid, entry.sop_instance_uid) == (STUDY, f"{SERIES}.2")


async def test_what_was_fetched_is_found_without_the_pacs(rig: Rig, thumbnails: Web) -> None:
    await thumbnails.get(f"/studies/{STUDY}/series/{SERIES}/metadata")
    rig.east.calls.clear()
    answer = await thumbnails.get(f"/thumbnails/{SERIES}.1")
    assert answer.error is None
    assert not rig.east.calls


@pytest.mark.parametrize(
    ("path", "accept", "reason"),
    [
        (f"/thumbnails/{SERIES}.1?size=100", "*/*", "INVALID_ARGUMENT"),
        ("/thumbnails/x", "*/*", "INVALID_ARGUMENT"),
        ("/thumbnails/2.25.404", "*/*", "OBJECT_NOT_FOUND"),
        (url("1") + "?viewport=5", "*/*", "INVALID_ARGUMENT"),
        (url("1") + "?viewport=1000000000,1000000000", "*/*", "IMAGE_TOO_LARGE"),
        (url("1"), "text/html", "NOT_ACCEPTABLE"),
        (url("2", "/frames/9"), "*/*", "OBJECT_NOT_FOUND"),
        (url("3", "/frames/1"), "*/*", "OBJECT_NOT_FOUND"),
        (url("9"), "*/*", "OBJECT_NOT_FOUND"),
    ],
)
async def test_what_can_not_be_answered(rig: Rig, thumbnails: Web, path: str, accept: str, reason: str) -> None:
    answer = await thumbnails.get(path, accept)
    assert answer.error is not None
    assert (reason_of(answer.error), answer.messages) == (reason, 0)
    assert rig.audit.entries == []


async def test_neighbours_see_nothing_and_nothing_is_served_unrecorded(rig: Rig, thumbnails: Web) -> None:
    await thumbnails.get(f"/thumbnails/{SERIES}.1")
    west = Web(thumbnails.channel, await rig.key("west"))
    for path in (f"/thumbnails/{SERIES}.1", url("1")):
        answer = await west.get(path)
        assert answer.error is not None
        assert reason_of(answer.error) == "OBJECT_NOT_FOUND"
    rig.audit.broken = True
    answer = await thumbnails.get(f"/thumbnails/{SERIES}.1")
    assert answer.error is not None
    assert (reason_of(answer.error), answer.messages) == ("AUDIT_UNAVAILABLE", 0)
