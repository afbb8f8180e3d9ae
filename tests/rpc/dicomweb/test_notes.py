"""What is noted about pixels, as Warning headers: cold and from memory, never in a patient's words."""

from typing import Any

import numpy as np
import pytest

from radgate_server.core.imaging.frames import EncodedFrame
from tests.fakes.instances import make_instance
from tests.rpc.dicomweb.web import Web
from tests.rpc.rig import Rig

STUDY, SERIES = "2.25.4300", "2.25.4300.1"
HTJ2K, JPEG_LS = "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.80"
INSTANCE = f"/studies/{STUDY}/series/{SERIES}/instances/{SERIES}"
HIGH = '299 radgate "High Bit is 15, Bits Stored 12: samples are brought down by 4 bits"'
COLOUR = '299 radgate "the window is not applied: the image is in colour"'
AS_HTJ2K = f"image/jphc; transfer-syntax={HTJ2K}"
LIST_OF_HTJ2K = f'multipart/related; type="image/jphc"; transfer-syntax={HTJ2K}'
DICOM = f"application/dicom; transfer-syntax={HTJ2K}"


@pytest.fixture
async def annotated(rig: Rig, web: Web) -> Web:
    """1 has its samples in the highest bits, 2 is in colour, 3 is as everybody makes it."""
    high = ((np.arange(3 * 64 * 64) % 4096) << 4).astype("<u2").tobytes()
    size = {"rows": 64, "columns": 64}
    colour = {
        "SamplesPerPixel": 3,
        "PhotometricInterpretation": "RGB",
        "PlanarConfiguration": 0,
        "BitsAllocated": 8,
        "BitsStored": 8,
        "HighBit": 7,
    }
    rig.east.add(
        make_instance(STUDY, SERIES, f"{SERIES}.1", **size, frames=3, HighBit=15, PixelData=high),
        make_instance(STUDY, SERIES, f"{SERIES}.2", **size, **colour, PixelData=bytes(64 * 64 * 3)),
        make_instance(STUDY, SERIES, f"{SERIES}.3", **size),
    )
    return web


@pytest.mark.parametrize(
    ("path", "accept", "warning"),
    [
        (".1/rendered", "image/png", HIGH),
        (".1/frames/1/rendered", "image/jpeg", HIGH),
        (".1/frames/1,2/rendered", 'multipart/related; type="image/jpeg"', HIGH),
        (".2/rendered?window=10,20,linear", "image/png", COLOUR),
        (".1/thumbnail", "image/jpeg", HIGH),
        (".1/thumbnail?viewport=20,20", "image/png", HIGH),
        (".1/frames/2", AS_HTJ2K, HIGH),
        (".1/frames/2,1,3", LIST_OF_HTJ2K, HIGH),
        (".1", DICOM, HIGH),
    ],
)
async def test_notes_are_warnings_each_time(annotated: Web, path: str, accept: str, warning: str) -> None:
    for _ in range(2):
        answer = await annotated.get(INSTANCE + path, accept)
        assert answer.error is None
        assert answer.header("warning") == [warning]


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        (".3/rendered", "image/png"),
        (".3/thumbnail", "image/jpeg"),
        (".3/frames/1", AS_HTJ2K),
        (".3", DICOM),
        (".1/frames/1", "*/*"),
    ],
)
async def test_there_are_none_without_notes(annotated: Web, path: str, accept: str) -> None:
    for _ in range(2):
        assert (await annotated.get(INSTANCE + path, accept)).header("warning") == []


async def test_a_range_of_a_frame_has_them_too(annotated: Web) -> None:
    whole = await annotated.get(f"{INSTANCE}.1/frames/1", AS_HTJ2K)
    part = await annotated.get(f"{INSTANCE}.1/frames/1", AS_HTJ2K, range="bytes=0-9")
    assert part.body == whole.body[:10]
    assert part.header("warning") == whole.header("warning") == [HIGH]


async def test_thumbnails_on_disk_have_them_too(rig: Rig, annotated: Web) -> None:
    await annotated.get(f"{INSTANCE}.1/thumbnail")
    await rig.hot.invalidate("east", None)
    assert (await annotated.get(f"{INSTANCE}.1/thumbnail")).header("warning") == [HIGH]
    assert len(rig.workers.calls) == 1


@pytest.mark.parametrize(("accept", "numbers"), [(AS_HTJ2K, "1"), (LIST_OF_HTJ2K, "1,2")])
async def test_frames_of_what_is_thrown_away_meanwhile_are_not_kept(
    rig: Rig, annotated: Web, monkeypatch: pytest.MonkeyPatch, accept: str, numbers: str
) -> None:
    transcode = rig.workers.transcode

    async def thrown_away(*args: Any, **options: Any) -> list[EncodedFrame]:
        rig.store.instances.clear()
        await rig.hot.invalidate("east", STUDY)
        return await transcode(*args, **options)

    monkeypatch.setattr(rig.workers, "transcode", thrown_away)
    first = await annotated.get(f"{INSTANCE}.1/frames/{numbers}", accept)
    monkeypatch.undo()
    again = await annotated.get(f"{INSTANCE}.1/frames/{numbers}", accept)
    assert len(first.body) == len(again.body)
    assert rig.east.calls["retrieve"] == 2
    assert len(rig.workers.calls) == 2
