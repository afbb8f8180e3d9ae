"""A whole slide over the gateway's DICOMweb: regions by wsidicom, as stored and transcoded; OHIF's whole-slide mode.

A picture of it is left in build/e2e.
"""

import sys
from collections.abc import Iterable, Iterator

import numpy as np
import pytest
import requests
from PIL import Image
from pydicom.uid import UID
from wsidicom import WsiDicom, WsiDicomWebClient

from radgate_server.core.dicom.transfer_syntaxes import (
    JPEG_2000,
    JPEG_2000_LOSSLESS,
    JPEG_BASELINE,
    JPEG_LOSSLESS_SV1,
    TRANSFER_SYNTAXES,
)
from radgate_server.core.pacs.connections import FolderConnection
from tests.e2e.browser import PICTURES, chromium
from tests.e2e.ohif_page import LIKENESS, SEEN_BEFORE, likeness
from tests.e2e.radgate_process import RadgateProcess
from tests.e2e.waiting import wait_for
from tests.fakes.instances import encode
from tests.fakes.slide import LEVELS, SERIES, STUDY, Picture, picture, slide

# wsidicom reads no value of Pixel Data, and pydicom warns that it was given no way to.
pytestmark = pytest.mark.filterwarnings("ignore:No bulk data URI handler:UserWarning")

TENANT = "pathology"
SYNTAXES = (JPEG_BASELINE, JPEG_2000_LOSSLESS, JPEG_2000, JPEG_LOSSLESS_SV1)
"""What wsidicom decodes of colour with subsampled chroma."""
ROUNDING = 1
LOSSY_MEAN = 3
"""Levels, of 256, that JPEG of the tiles changes in the mean."""


@pytest.fixture(scope="module")
def radgate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RadgateProcess]:
    folder = tmp_path_factory.mktemp("slide")
    for number, dataset in enumerate(slide()):
        (folder / f"{number}.dcm").write_bytes(encode(dataset))
    server = RadgateProcess(tmp_path_factory.mktemp("radgate")).tenant(TENANT, FolderConnection(str(folder)))
    server.command = (sys.executable, "-m", "tests.e2e.serve_with_viewer", server.keys[TENANT])
    with server:
        yield server


class AskingClient(WsiDicomWebClient):
    """Asks whether a transfer syntax can be had, where wsidicom takes those that a search lists for all there are."""

    def get_wsi_instances(
        self, study_uid: UID, series_uids: Iterable[UID]
    ) -> Iterator[tuple[UID, UID, set[UID] | None]]:
        for series, instance, _ in super().get_wsi_instances(study_uid, series_uids):
            yield series, instance, None


@pytest.fixture(scope="module")
def client(radgate: RadgateProcess) -> Iterator[WsiDicomWebClient]:
    with requests.Session() as session:
        session.headers["authorization"] = f"Bearer {radgate.keys[TENANT]}"
        session.trust_env = False
        yield WsiDicomWebClient.create_client(f"{radgate.url}/dicom-web", auth=session)


def regions(client: WsiDicomWebClient, syntax: str | None) -> list[Picture]:
    """Of each level, all but its rim, so that no region begins where a tile does."""
    with WsiDicom.open_web(client, STUDY, SERIES, requested_transfer_syntax=syntax) as wsi:
        assert len(wsi.pyramids[0]) == LEVELS
        return [
            np.asarray(wsi.read_region((10, 20), level, (columns - 30, rows - 40)).convert("RGB")).astype(int)
            for level in range(LEVELS)
            for rows, columns, _ in [picture(level).shape]
        ]


def test_regions_are_as_they_were_stored(client: WsiDicomWebClient) -> None:
    regions(client, None)  # searches list transfer syntaxes of what is cached
    for level, region in enumerate(regions(client, None)):
        assert np.abs(region - picture(level)[20:-20, 10:-20]).mean() < LOSSY_MEAN


@pytest.mark.parametrize("syntax", SYNTAXES, ids=[TRANSFER_SYNTAXES[syntax].name for syntax in SYNTAXES])
def test_regions_are_the_same_in_every_syntax(client: WsiDicomWebClient, syntax: str) -> None:
    asking = AskingClient(client._client)
    for stored, region in zip(regions(client, None), regions(asking, syntax), strict=True):
        difference = np.abs(region - stored)
        if syntax == JPEG_2000:
            assert difference.mean() < LOSSY_MEAN
        else:
            assert difference.max() <= ROUNDING


def test_ohif_shows_the_slide(radgate: RadgateProcess) -> None:
    """As it lies on the glass: its Image Orientation (Slide) turns it by half a circle."""
    original = Image.fromarray(np.rot90(picture(), 2))
    problems: list[str] = []
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 800}, base_url=radgate.url)
        page.set_default_timeout(60_000)
        page.add_init_script(SEEN_BEFORE)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("response", lambda got: problems.append(f"{got.status} {got.url}") if got.status >= 400 else None)
        page.goto("/viewer/")
        page.get_by_text("Slide, Sally").click()
        page.get_by_text("Microscopy", exact=True).click()
        viewport = page.locator("#viewerLayoutResizableViewportGridPanel")
        wait_for(lambda: likeness(viewport, original) > LIKENESS, "the slide", 90)
        page.screenshot(path=PICTURES / "ohif-slide.png")
    assert problems == []
