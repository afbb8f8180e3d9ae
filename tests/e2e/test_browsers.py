"""A page of another origin in Chromium, by the very code of docs/browsers.md: gRPC-Web and STOW-RS through Envoy."""

import base64
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import imagecodecs
import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from radgate.v1.retrieve_service_pb2 import StreamFramesOpen, ViewFramesRequest
from radgate_server.core.access.tenancy import Role
from tests.e2e.browser import chromium, serve_folder
from tests.e2e.radgate_process import ROOT, RadgateProcess, dimse
from tests.e2e.studies import EAST, LARGE_CT, LARGE_SERIES, LARGE_SLICES, large_slices
from tests.fakes.instances import make_study
from tests.integration.orthanc import OrthancServer

EXAMPLE, *CODE = re.findall(r"```js\n(.*?)```", (ROOT / "docs" / "browsers.md").read_text("utf-8"), re.DOTALL)
PLACEHOLDER = "https://radgate.example.org"
HTJ2K = "1.2.840.10008.1.2.4.202"
VIEW = "/radgate.v1.RetrieveService/ViewFrames"
PRIORITY = "/radgate.v1.RetrieveService/PrioritizeFrames"
STUDY = "2.25.880006"
NOISE = 200
"""By how much a low resolution may differ from the mean of the pixels that it stands for."""
NOT_FOUND, UNAUTHENTICATED = 5, 16


@dataclass
class Viewer:
    """A page that works with the gateway, and which paths the browser asked for before it called them."""

    page: Page
    radgate: RadgateProcess
    preflights: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Listen to the network."""
        network = self.page.context.new_cdp_session(self.page)
        network.send("Network.enable")
        network.on("Network.responseReceived", self._note)

    @property
    def server(self) -> dict[str, str]:
        return {"url": self.radgate.url, "key": self.radgate.keys[EAST]}

    def run(self, function: str, *arguments: object) -> Any:
        return self.page.evaluate(f"(arguments) => window.{function}(...arguments)", arguments)

    def example(self, study: str, priority: dict[str, str] | None = None) -> list[dict[str, Any]]:
        """Run the manual's example; the frames that were drawn."""
        assert PLACEHOLDER in EXAMPLE
        source = EXAMPLE.replace(PLACEHOLDER, self.radgate.url)
        drawn: list[dict[str, Any]] = self.run("example", source, self.server["key"], study, priority)
        return drawn

    def _note(self, event: dict[str, Any]) -> None:
        if event["type"] == "Preflight":
            self.preflights.add(urlsplit(event["response"]["url"]).path)


@pytest.fixture(scope="module")
def page_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("page")
    (folder / "radgate.js").write_text("\n".join(CODE), "utf-8")
    shutil.copy(Path(__file__).with_name("browsers_page.js"), folder / "page.js")
    (folder / "index.html").write_text('<!doctype html><script type="module" src="page.js"></script>', "utf-8")
    with serve_folder(folder) as url:
        yield url


@pytest.fixture(scope="module")
def gate(
    tmp_path_factory: pytest.TempPathFactory, large_archive: OrthancServer, page_url: str
) -> Iterator[RadgateProcess]:
    """A server that pages of this one other origin may call."""
    settings = {"RADGATE_GATEWAY__ALLOWED_ORIGINS": f'["{page_url}"]'}
    server = RadgateProcess(tmp_path_factory.mktemp("radgate"), settings)
    with server.tenant(EAST, dimse(large_archive), Role.OPERATOR):
        yield server


@pytest.fixture(scope="module")
def browser(gate: RadgateProcess) -> Iterator[Browser]:
    """Begun after the gateway, which is prepared in an event loop, as Playwright runs one."""
    with chromium() as browser:
        yield browser


def opened(browser: Browser, url: str, gate: RadgateProcess) -> Viewer:
    page = browser.new_page()
    page.set_default_timeout(60_000)
    viewer = Viewer(page, gate)
    page.goto(url)
    page.wait_for_function("window.ready")
    return viewer


@pytest.fixture(scope="module")
def viewer(browser: Browser, page_url: str, gate: RadgateProcess) -> Viewer:
    return opened(browser, page_url, gate)


def test_each_frame_comes_small_and_then_whole(viewer: Viewer) -> None:
    drawn = viewer.example(LARGE_CT)
    assert {frame["transferSyntax"] for frame in drawn} == {HTJ2K}
    whole = [frame for frame in drawn if frame["complete"]]
    small = [frame for frame in drawn if not frame["complete"]]
    assert len({frame["instance"] for frame in whole}) == len(whole) == 2 * LARGE_SLICES
    assert len({frame["instance"] for frame in small}) == len(small) == 2 * LARGE_SLICES
    assert VIEW in viewer.preflights
    pixels = pixels_of(small[0])
    assert np.abs(decoded(small[0]) - pixels.reshape(256, 2, 256, 2).mean(axis=(1, 3))).max() < NOISE
    assert np.array_equal(decoded(whole[0]), pixels_of(whole[0]))


def pixels_of(frame: dict[str, Any]) -> np.ndarray:
    """As they were put into the archive."""
    originals = (original for series in LARGE_SERIES for original in large_slices(series))
    original = next(one for one in originals if one.ref.sop_instance_uid == frame["instance"])
    return np.frombuffer(original.dataset.PixelData, "<u2").reshape(512, 512)


def decoded(frame: dict[str, Any]) -> np.ndarray:
    return imagecodecs.jpeg2k_decode(base64.b64decode(frame["data"]) + b"\xff\xd9", skipres=frame["reduction"])


def test_a_priority_in_mid_stream_changes_what_comes_next(viewer: Viewer) -> None:
    shown, requested = LARGE_SERIES
    viewer.example(LARGE_CT)  # so that all of it is cached
    drawn = viewer.example(LARGE_CT, {"series": requested, "instance": f"{requested}.20"})
    series = [frame["series"] for frame in drawn]
    came = [frame["instance"] for frame in drawn if frame["complete"] and frame["series"] == requested]
    assert (series[0], series[-1]) == (shown, shown)  # the wish was taken, so the stream was open when the first came
    assert came == [
        f"{requested}.{number}" for number in sorted(range(1, LARGE_SLICES + 1), key=lambda one: abs(one - 20))
    ]
    assert PRIORITY in viewer.preflights


def test_trailers_of_status_0_end_the_answer(viewer: Viewer) -> None:
    one = StreamFramesOpen(
        study_instance_uid=LARGE_CT, series_instance_uid=LARGE_SERIES[0], sop_instance_uid=f"{LARGE_SERIES[0]}.1"
    )
    request = ViewFramesRequest(open=one).SerializeToString()
    body = base64.b64encode(b"\0" + len(request).to_bytes(4, "big") + request).decode()
    *messages, (flags, trailers) = viewer.run("frames", viewer.server, "RetrieveService/ViewFrames", body)
    assert flags == 0x80
    assert "grpc-status:0" in trailers.replace(" ", "").splitlines()
    assert len(messages) >= 3  # opened, pieces, end
    assert {flags for flags, _ in messages} == {0}


def test_who_leaves_has_the_view_closed(viewer: Viewer) -> None:
    assert viewer.run("leave", viewer.server, LARGE_CT, LARGE_SERIES[0]) == NOT_FOUND


def test_without_a_credential_a_page_learns_that_it_is_refused(viewer: Viewer) -> None:
    failure = viewer.run("failure", {**viewer.server, "key": "rg_000000000000_wrong"}, LARGE_CT)
    assert (failure["name"], failure["status"]) == ("Error", UNAUTHENTICATED)


def test_a_study_that_is_not_there_is_reported_by_its_status(viewer: Viewer) -> None:
    failure = viewer.run("failure", viewer.server, "2.25.404")
    assert failure["status"] == NOT_FOUND
    assert "study" in failure["message"]


def test_a_page_uploads_by_stow(viewer: Viewer) -> None:
    files = [base64.b64encode(file).decode() for file in make_study(2, study=STUDY, rows=32, columns=32)]
    answer = viewer.run("store", viewer.server, [*files, base64.b64encode(b"no DICOM").decode()])
    assert len(answer["00081199"]["Value"]) == 2
    assert "/dicom-web/studies" in viewer.preflights
    with viewer.radgate.client(EAST) as client:
        assert len(client.get(f"/dicom-web/studies/{STUDY}/instances").json()) == 2


def test_a_page_of_an_origin_that_is_not_named_gets_nothing(
    browser: Browser, page_url: str, gate: RadgateProcess
) -> None:
    stranger = opened(browser, page_url.replace("127.0.0.1", "localhost"), gate)
    assert stranger.run("failure", stranger.server, LARGE_CT)["name"] == "TypeError"
