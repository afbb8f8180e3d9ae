"""OHIF in a real browser, in front of an Orthanc that is reached over DIMSE: what people see.

Pictures of it are left in build/e2e; docs/images/ohif.png is the one called ohif-mr.png.
"""

import contextlib
import io
import re
import sys
from collections.abc import Iterator

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, Request, Response
from pydicom.encaps import generate_frames

from tests.e2e.browser import PICTURES, chromium
from tests.e2e.ohif_page import LIKENESS, SEEN_BEFORE, Grey, grey_of, likeness, open_study
from tests.e2e.radgate_process import RadgateProcess, dimse
from tests.e2e.studies import EAST, GREY_SLICES, GREY_STUDY, GREY_WINDOW, Original, grey_quadrants, real
from tests.e2e.waiting import wait_for
from tests.integration.orthanc import OrthancServer

EXPLICIT, HTJ2K = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.202"
SHOWN_AS = {EXPLICIT: "stored", HTJ2K: "htj2k"}

COLOUR = "color3d_jpeg_baseline.dcm"
TOLERANCE = 4
"""Grey levels, of 255, that a viewer's interpolation and rounding may change."""


@pytest.fixture(scope="module", params=[(), ("--htj2k",)], ids=["stored", "htj2k"])
def viewer(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, orthanc: OrthancServer
) -> Iterator[RadgateProcess]:
    """Radgate in front of Orthanc, with OHIF: that takes images as they are stored, or asks for HTJ2K."""
    server = RadgateProcess(tmp_path_factory.mktemp("viewer")).tenant(EAST, dimse(orthanc))
    server.command = (sys.executable, "-m", "tests.e2e.serve_with_viewer", server.keys[EAST], *request.param)
    with server:
        yield server


@pytest.fixture(scope="module")
def syntax(viewer: RadgateProcess) -> str:
    """In which uncompressed images come."""
    return HTJ2K if "--htj2k" in viewer.command else EXPLICIT


@pytest.fixture(scope="module")
def fresh_page(viewer: RadgateProcess) -> Iterator[Page]:
    """A browser's only page."""
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 800}, base_url=viewer.url)
        page.set_default_timeout(60_000)
        page.add_init_script(SEEN_BEFORE)
        yield page


@pytest.fixture
def page(fresh_page: Page) -> Iterator[Page]:
    """The page; afterwards, nothing that it asked for may have failed."""
    problems: list[str] = []

    def note_response(response: Response) -> None:
        if response.status >= 400:
            problems.append(f"{response.status} {response.url}")

    def note_failure(request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # the viewer's own doing, when it is left
            problems.append(f"{request.failure} {request.url}")

    listeners = {
        "response": note_response,
        "requestfailed": note_failure,
        "pageerror": lambda error: problems.append(str(error)),
        "console": lambda message: problems.append(message.text) if message.type == "error" else None,
    }
    for event, listener in listeners.items():
        fresh_page.on(event, listener)  # type: ignore[call-overload]
    yield fresh_page
    for event, listener in listeners.items():
        fresh_page.remove_listener(event, listener)
    assert problems == []


def test_the_list_shows_the_archives_studies(page: Page, originals: list[Original]) -> None:
    page.goto("/viewer/")
    rows = page.locator('[data-cy="study-list-results"] > tr')
    page.get_by_text("Quadrant, Quentin").wait_for()
    text = page.locator("body").inner_text()
    stored = {original.ref.study_instance_uid: original.dataset for original in originals}
    assert f"{len(stored)}\nStudies" in text or f"{len(stored)} Studies" in text
    assert rows.count() == len(stored)
    for dataset in stored.values():
        assert str(dataset.get("PatientID") or "") in text
        assert str(dataset.get("AccessionNumber") or "") in text
    row = rows.filter(has_text="Quadrant, Quentin").inner_text().split()
    assert row[-3:] == ["CT", "E2E-ACC", str(GREY_SLICES)]
    page.screenshot(path=PICTURES / "ohif-list.png")


def test_the_viewport_shows_the_pixels_through_the_window(page: Page, syntax: str) -> None:
    with page.expect_response(re.compile("/frames/")) as frame:
        viewport = open_study(page, GREY_STUDY)
    assert f"transfer-syntax={syntax}\r\n".encode() in frame.value.body()
    wait_for(lambda: grey_of(viewport).max() > 200, "an image in the viewport", 60)
    page.screenshot(path=PICTURES / f"ohif-{SHOWN_AS[syntax]}.png")
    assert_shows(viewport, GREY_SLICES)  # OHIF goes through an axial stack from the head down
    viewport.hover()
    page.mouse.wheel(0, 100)
    assert_shows(viewport, GREY_SLICES - 1)


def test_a_real_study_looks_like_itself(page: Page) -> None:
    viewport = open_study(page, real("MR-SIEMENS-DICOM-WithOverlays.dcm").ref.study_instance_uid)
    wait_for(lambda: (grey_of(viewport) > 128).mean() > 0.05, "an image in the viewport", 60)
    grey = grey_of(viewport)
    assert (grey > 128).mean() < 0.4  # of an abdomen at its own window, some is bright and much is dark
    assert 0.2 < (grey < 32).mean() < 0.8
    page.screenshot(path=PICTURES / "ohif-mr.png")


def test_colour_looks_like_itself(page: Page, syntax: str) -> None:
    """JPEG with subsampled chroma: as it is stored, and made HTJ2K."""
    dataset = real(COLOUR).dataset
    frame = next(generate_frames(dataset.PixelData, number_of_frames=int(dataset.NumberOfFrames)))
    with Image.open(io.BytesIO(frame)) as picture:
        original = picture.convert("RGB")
    viewport = open_study(page, dataset.StudyInstanceUID)
    wait_for(lambda: likeness(viewport, original) > LIKENESS, "the image in its colours", 60)
    assert likeness(viewport, original) > LIKENESS
    page.screenshot(path=PICTURES / f"ohif-colour-{SHOWN_AS[syntax]}.png")


def test_a_measurement_is_not_offered_to_be_stored(page: Page) -> None:
    """The demo's key only reads."""
    viewport = open_study(page, GREY_STUDY)
    wait_for(lambda: grey_of(viewport).max() > 200, "an image in the viewport", 60)
    box = viewport.bounding_box()
    assert box is not None
    page.locator('[data-cy="MeasurementTools-split-button-primary"]').click()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.click(middle[0] - 60, middle[1] - 40)
    page.mouse.move(middle[0], middle[1])
    page.mouse.click(middle[0] + 60, middle[1] + 40)
    page.locator('[data-cy="trackedMeasurements-btn"]').click()
    page.get_by_role("button", name="CSV").wait_for()
    page.screenshot(path=PICTURES / "ohif-measurement.png")
    assert page.get_by_text("mm", exact=False).first.is_visible()
    assert not page.get_by_text("Create SR").is_visible()


def shown(hounsfield: float) -> int:
    """The grey level of a value, by the LINEAR function of PS3.3 C.11.2.1.2."""
    center, width = GREY_WINDOW
    return round(max(0.0, min(1.0, (hounsfield - (center - 0.5)) / (width - 1) + 0.5)) * 255)


def assert_shows(viewport: Locator, number: int) -> None:
    """The slice's quadrants and its rim are at their places, at the grey levels that the window gives them."""
    expected = [shown(value) for value in grey_quadrants(number)]
    found: list[list[int]] = []

    def is_shown() -> bool:
        found[:] = samples(grey_of(viewport))
        return all(
            abs(level - wanted) <= TOLERANCE
            for levels, wanted in zip(found, [*expected, 0], strict=True)
            for level in levels
        )

    with contextlib.suppress(AssertionError):
        wait_for(is_shown, f"slice {number}", 60)
    assert is_shown(), f"slice {number}: {found} instead of {expected} and black around"


def samples(grey: Grey) -> list[list[int]]:
    """Grey levels at the middle and around of each quadrant, clockwise from the upper left; then of the black rim."""
    height, width = grey.shape
    unit = min(height, width) / 128  # the image fills the viewport one way

    def level(row: int, column: int) -> int:
        return int(grey[round(height / 2 + row * unit), round(width / 2 + column * unit)])

    middles = ((-24, -24), (-24, 24), (24, 24), (24, -24))
    around = ((0, 0), (-16, -16), (-16, 16), (16, 16), (16, -16))
    rim = ((0, -56), (0, 56), (56, 0), (-56, 0))
    quadrants = [[level(row + down, column + right) for down, right in around] for row, column in middles]
    return [*quadrants, [level(row, column) for row, column in rim]]
