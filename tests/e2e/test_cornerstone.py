"""Cornerstone3D in a real browser, with progressive loading: HTJ2K of an archive that is uncompressed, over DIMSE.

The page is of another origin than the gateway. A table of bytes and milliseconds is printed (pytest -s), pictures are
left in build/e2e.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import imagecodecs
import numpy as np
import pytest
from playwright.sync_api import CDPSession, Page

from radgate_server.core.imaging.codestream import read_codestream
from tests.e2e.browser import PICTURES, chromium
from tests.e2e.npm_page import CORNERSTONE, serve_page
from tests.e2e.radgate_process import RadgateProcess
from tests.e2e.studies import EAST, LARGE_STUDY, large_mammogram
from tests.e2e.waiting import wait_for
from tests.fakes.mammogram import COLUMNS, ROWS

HTJ2K = "1.2.840.10008.1.2.4.202"
EXPLICIT = "1.2.840.10008.1.2.1"
FRAMES = f"/dicom-web/studies/{LARGE_STUDY}/series/{LARGE_STUDY}.1/instances/{LARGE_STUDY}.1.1"
AS_HTJ2K = f"accept=multipart/related;type=application/octet-stream;transfer-syntax={HTJ2K}"
"""For the query string, which stands in for the Accept header: the loader's own asks for what is stored."""

LEVEL = 3
"""The loader first shows an eighth of the rows and columns, whatever it is asked for."""
PART_HEADERS = 512
"""Bytes that suffice for what comes before the frame in its part."""
MEGABITS = 50
"""Of the line that the browser is given, as between two sites of a hospital; with 10 ms of delay."""

SINGLE = [{"id": "initialImages", "retrieveType": "single"}]
FIRST_AND_REST = [
    {"id": "lossySequential", "retrieveType": "singleFast"},
    {"id": "finalSequential", "retrieveType": "singleFinal"},
]


@dataclass
class Loaded:
    """The images that the page could show, one after the other, and the frame's responses as the network saw them."""

    images: list[dict[str, Any]]
    responses: list[dict[str, Any]]
    received: dict[str, int] = field(default_factory=dict)

    @property
    def bytes_each(self) -> list[int]:
        return [self.received[response["requestId"]] for response in self.responses]


class Viewer:
    """The page, and its network log."""

    def __init__(self, page: Page, radgate: RadgateProcess) -> None:
        self._page = page
        self._url = radgate.url + FRAMES
        with radgate.client(EAST) as client:
            self._metadata = client.get(f"{FRAMES}/metadata").json()[0]
        self._network: CDPSession = page.context.new_cdp_session(page)
        self._network.send("Network.enable")
        line = {"offline": False, "latency": 10, "uploadThroughput": -1, "downloadThroughput": MEGABITS * 125_000}
        self._network.send("Network.emulateNetworkConditions", line)
        self._network.on("Network.responseReceived", self._note_response)
        self._network.on("Network.loadingFinished", self._note_end)

    def load(self, title: str, stages: list[dict[str, str]], **retrieve_options: dict[str, object]) -> Loaded:
        """Have the page load the image."""
        self._loaded = Loaded([], [])
        work = {
            "url": f"{self._url}/frames/1",
            "metadata": self._metadata,
            "stages": stages,
            "retrieveOptions": retrieve_options,
            "title": title,
        }
        self._loaded.images = self._page.evaluate("work => window.load(work)", work)
        wait_for(self._is_logged, "the ends of all responses are in the network log")
        self._page.screenshot(path=PICTURES / f"cornerstone-{title}.png")
        return self._loaded

    def _is_logged(self) -> bool:
        self._page.wait_for_timeout(1)  # meanwhile its events are reported
        return all(response["requestId"] in self._loaded.received for response in self._loaded.responses)

    def _note_response(self, event: dict[str, Any]) -> None:
        if "/frames/" in event["response"]["url"] and event["type"] != "Preflight":
            self._loaded.responses.append({**event["response"], "requestId": event["requestId"]})

    def _note_end(self, event: dict[str, Any]) -> None:
        self._loaded.received[event["requestId"]] = int(event["encodedDataLength"])


@pytest.fixture(scope="module")
def htj2k(large: RadgateProcess) -> bytes:
    """The frame's codestream; once it was asked for, Radgate has it ready."""
    with large.client(EAST) as client:
        answer = client.get(f"{FRAMES}/frames/1?accept=image/jphc;transfer-syntax={HTJ2K}")
        assert client.get(f"{FRAMES}/frames/1?{AS_HTJ2K}").status_code == 200
    assert answer.headers["content-type"] == f"image/jphc; transfer-syntax={HTJ2K}"
    return answer.content


@pytest.fixture(scope="module")
def original() -> np.ndarray:
    return np.frombuffer(large_mammogram().dataset.PixelData, "<u2").reshape(ROWS, COLUMNS)


@pytest.fixture(scope="module")
def viewer(large: RadgateProcess) -> Iterator[Viewer]:
    with serve_page(CORNERSTONE) as url, chromium() as browser:
        page = browser.new_page(viewport={"width": 1000, "height": 540})
        page.set_default_timeout(60_000)
        page.goto(url)
        page.wait_for_function("window.ready")
        page.evaluate("key => window.setKey(key)", large.keys[EAST])
        yield Viewer(page, large)


@pytest.fixture(scope="module")
def results() -> Iterator[dict[str, Loaded]]:
    """What each way of loading took; printed in the end."""
    loaded: dict[str, Loaded] = {}
    yield loaded
    print(f"\n\n{COLUMNS} x {ROWS} x 16 bit, {MEGABITS} Mbit/s\n")
    print("| loading | bytes to the first image | first image | ms | bytes in all | ms to the whole image |")
    print("|---|---|---|---|---|---|")
    for title, one in loaded.items():
        first, last = one.images[0], one.images[-1]
        size = f"{first['columns']} x {first['rows']}"
        times = [round(image["milliseconds"]) for image in (first, last)]
        print(f"| {title} | {one.bytes_each[0]} | {size} | {times[0]} | {sum(one.bytes_each)} | {times[1]} |")


def digest(pixels: np.ndarray) -> str:
    return sha256(np.ascontiguousarray(pixels).astype("<u2").tobytes()).hexdigest()


def assert_whole(image: dict[str, Any], original: np.ndarray, syntax: str) -> None:
    assert (image["rows"], image["columns"], image["transferSyntax"]) == (ROWS, COLUMNS, syntax)
    assert image["sha256"] == digest(original)


def test_without_progressive_loading(viewer: Viewer, original: np.ndarray, results: dict[str, Loaded]) -> None:
    results["stored"] = loaded = viewer.load("stored", SINGLE, single={})
    (image,) = loaded.images
    assert_whole(image, original, EXPLICIT)
    results["htj2k"] = loaded = viewer.load("htj2k", SINGLE, single={"urlArguments": AS_HTJ2K})
    (image,) = loaded.images
    assert_whole(image, original, HTJ2K)


def test_the_first_range_shows_a_low_resolution_and_the_rest_completes_it(
    viewer: Viewer, htj2k: bytes, original: np.ndarray, results: dict[str, Loaded]
) -> None:
    codestream = read_codestream(htj2k)
    assert codestream is not None
    first_bytes = (codestream.bytes_for(LEVEL) or 0) + PART_HEADERS
    fast = {"rangeIndex": 0, "initialChunkSize": first_bytes, "decodeLevel": LEVEL, "urlArguments": AS_HTJ2K}
    rest = {"rangeIndex": -1, "urlArguments": AS_HTJ2K}
    results["range"] = loaded = viewer.load("range", FIRST_AND_REST, singleFast=fast, singleFinal=rest)
    assert [response["status"] for response in loaded.responses] == [206, 206]
    headers = [{name.lower(): value for name, value in one["headers"].items()} for one in loaded.responses]
    size = int(headers[0]["content-range"].partition("/")[2])
    assert headers[0]["content-range"] == f"bytes 0-{first_bytes - 1}/{size}"
    assert headers[1]["content-range"] == f"bytes {first_bytes}-{size - 1}/{size}"
    assert headers[0]["etag"] == headers[1]["etag"]
    assert "content-range" in headers[0]["access-control-expose-headers"]
    first, last = loaded.images
    assert (first["rows"], first["columns"]) == (ROWS >> LEVEL, COLUMNS >> LEVEL)
    assert first["sha256"] == digest(imagecodecs.htj2k_decode(htj2k, skipres=LEVEL))
    assert_whole(last, original, HTJ2K)


def test_a_stream_is_shown_while_it_comes(
    viewer: Viewer, htj2k: bytes, original: np.ndarray, results: dict[str, Loaded]
) -> None:
    stream = {"streaming": True, "decodeLevel": LEVEL, "urlArguments": AS_HTJ2K}
    results["stream"] = loaded = viewer.load("stream", SINGLE, single=stream)
    (response,) = loaded.responses
    headers = {name.lower(): value for name, value in response["headers"].items()}
    assert response["status"] == 200
    assert int(headers["content-length"]) > len(htj2k)
    assert "transfer-encoding" not in headers
    first, *_, last = loaded.images
    assert (first["rows"], first["columns"]) == (ROWS >> LEVEL, COLUMNS >> LEVEL)
    assert_whole(last, original, HTJ2K)
