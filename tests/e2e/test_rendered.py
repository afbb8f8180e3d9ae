"""Pictures and thumbnails through Envoy, made by the real workers, from an archive that is reached over DIMSE alone."""

from io import BytesIO
from pathlib import Path
from shutil import rmtree

import httpx
import numpy as np
import pytest
from PIL import Image

from radgate_server.core.dicom.identifiers import InstanceRef
from tests.e2e.radgate_process import RadgateProcess, dimse
from tests.e2e.studies import (
    BULKY_STUDY,
    EAST,
    GREY_SERIES,
    GREY_SLICES,
    GREY_STUDY,
    GREY_WINDOW,
    SYNTAXES,
    WEST,
    Original,
    grey_quadrants,
    of_syntax,
)
from tests.e2e.waiting import wait_for
from tests.integration.orthanc import OrthancServer

GREY = f"/dicom-web/studies/{GREY_STUDY}"
PNG = {"accept": "image/png"}


def below(ref: InstanceRef) -> str:
    place = f"studies/{ref.study_instance_uid}/series/{ref.series_instance_uid}/instances/{ref.sop_instance_uid}"
    return f"/dicom-web/{place}"


def picture(answer: httpx.Response) -> np.ndarray:
    assert answer.status_code == 200, answer.text
    with Image.open(BytesIO(answer.content)) as image:
        return np.asarray(image.convert("L")).astype(int)


def windowed(value: float) -> float:
    """PS3.3 C.11.2.1.2.1."""
    center, width = GREY_WINDOW
    return float(np.clip(((value - (center - 0.5)) / (width - 1) + 0.5) * 255, 0, 255))


def quadrants(grey: np.ndarray) -> list[int]:
    rows, columns = grey.shape
    top, bottom, left, right = rows // 4, 3 * rows // 4, columns // 4, 3 * columns // 4
    return [grey[top, left], grey[top, right], grey[bottom, right], grey[bottom, left]]


@pytest.mark.parametrize("name", SYNTAXES)
def test_whatever_the_syntax_there_is_a_picture(east: httpx.Client, name: str) -> None:
    original = of_syntax(name)
    grey = picture(east.get(f"{below(original.ref)}/rendered"))
    assert grey.shape == (original.dataset.Rows, original.dataset.Columns)
    assert grey.std() > 1


@pytest.mark.parametrize("scope", [f"{GREY}/rendered", f"{GREY}/series/{GREY_SERIES}/rendered"])
def test_the_middle_slice_stands_for_series_and_study_in_its_greys(east: httpx.Client, scope: str) -> None:
    seen = quadrants(picture(east.get(scope, headers=PNG)))
    expected = [windowed(value) for value in grey_quadrants((GREY_SLICES + 1) // 2)]
    assert seen == pytest.approx(expected, abs=1)


def test_listed_frames_come_in_parts_or_not_at_all(east: httpx.Client) -> None:
    place = f"{below(of_syntax('multi-frame rle').ref)}/frames"
    parts = {"accept": 'multipart/related; type="image/png"'}
    answer, head = (east.request(method, f"{place}/2,1/rendered", headers=parts) for method in ("GET", "HEAD"))
    assert answer.status_code == 200, answer.text
    kind = answer.headers["content-type"]
    assert (head.status_code, head.headers["content-type"], head.content) == (200, kind, b"")
    single = [east.get(f"{place}/{number}/rendered", headers=PNG) for number in (2, 1)]
    boundary = kind.partition("boundary=")[2]
    around = "--{}\r\nContent-Type: image/png\r\nContent-Location: ../{}/rendered\r\n\r\n"
    made = [around.format(boundary, number).encode() + one.content for number, one in zip((2, 1), single, strict=True)]
    assert answer.content == b"\r\n".join(made) + f"\r\n--{boundary}--\r\n".encode()
    refused = east.get(f"{place}/2,1/rendered", headers=PNG)
    assert refused.status_code == 406
    assert 'multipart/related; type="image/png"' in refused.json()["message"]


def test_a_client_that_has_the_picture_does_not_get_it_again(east: httpx.Client) -> None:
    first = east.get(f"{GREY}/rendered")
    assert first.headers["cache-control"] == "private, no-cache"
    again = east.get(f"{GREY}/rendered", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])


def test_thumbnails_of_what_came_by_are_found_by_uid_alone(east: httpx.Client) -> None:
    ref = of_syntax("jpeg 2000").ref
    by_place = east.get(f"{below(ref)}/thumbnail")
    for path in (f"/thumbnails/{ref.sop_instance_uid}", f"/dicom-web/thumbnails/{ref.sop_instance_uid}?size=128"):
        by_uid = east.get(path)
        assert picture(by_uid).shape == (128, 128)
        assert by_uid.content == by_place.content


def test_thumbnails_are_made_of_what_arrives_and_survive_a_restart(
    tmp_path: Path, orthanc: OrthancServer, originals: list[Original]
) -> None:
    server = RadgateProcess(tmp_path).tenant(EAST, dimse(orthanc))
    place = below(originals[0].ref)
    with server, server.client(EAST) as east:
        assert east.get(f"{place}/metadata").status_code == 200
        wait_for(lambda: list((server.data_dir / "derived").rglob("*.madex")), "a thumbnail is kept")
    rmtree(server.data_dir / "warm")
    with server, server.client(EAST) as east:
        assert picture(east.get(f"{place}/thumbnail")).shape == (128, 128)
        assert not [path for path in (server.data_dir / "warm").rglob("[!.]*") if path.is_file()], "nothing was fetched"


def test_a_hierarchical_archive_is_not_walked_through_for_a_thumbnail(east: httpx.Client) -> None:
    answer = east.get(f"/thumbnails/{BULKY_STUDY}.1.1.404")
    assert answer.status_code == 404
    assert "can't be asked for it without its study; use /dicom-web/studies/" in answer.json()["message"]


def test_an_archive_that_can_be_asked_for_a_uid_is(radgate: RadgateProcess) -> None:
    with radgate.client(WEST) as west:
        [instance] = west.get("/dicom-web/instances").json()
        uid = instance["00080018"]["Value"][0]
        assert picture(west.get(f"/thumbnails/{uid}?size=64")).shape == (64, 64)


@pytest.mark.parametrize(
    ("query", "status", "reason"),
    [
        ("viewport=1000000000,1000000000", 413, "IMAGE_TOO_LARGE"),
        ("window=40,0,linear", 400, "INVALID_ARGUMENT"),
        ("annotation=patient", 400, "INVALID_ARGUMENT"),
        ("accept=text/html", 406, "NOT_ACCEPTABLE"),
    ],
)
def test_what_can_not_be_answered(east: httpx.Client, query: str, status: int, reason: str) -> None:
    answer = east.get(f"{GREY}/rendered?{query}")
    assert (answer.status_code, answer.json()["details"][0]["reason"]) == (status, reason)
