"""What OHIF asks for to show one image is one trace: page, requests, Envoy, gRPC calls, PACS, DIMSE messages.

`python -m pytest -s tests/e2e/test_ohif_trace.py` prints it as a tree.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.browser import chromium
from tests.e2e.ohif_page import SEEN_BEFORE, grey_of, open_study
from tests.e2e.radgate_process import RadgateProcess, dimse
from tests.e2e.studies import EAST, real, store
from tests.e2e.traced_page import TracedPage
from tests.e2e.waiting import wait_for
from tests.integration.orthanc import OrthancServer
from tests.integration.otlp_collector import Collector, collector
from tests.trace_tree import Node, lines, tree_of

IMAGE = real("CT_small.dcm")
SERVICE = "radgate.dicomweb.v1.DicomWebService"
SERIES = "/dicom-web/studies/*/series/*"


@pytest.fixture
def spans() -> Iterator[Collector]:
    with collector() as running:
        yield running


@pytest.fixture
def viewer(tmp_path: Path, spans: Collector) -> Iterator[RadgateProcess]:
    """Radgate with OHIF in front of an Orthanc that holds one image, which nobody has asked for yet."""
    with OrthancServer(tmp_path / "archive") as archive:
        store(archive, [IMAGE])
        server = RadgateProcess(tmp_path / "radgate", spans.settings()).tenant(EAST, dimse(archive))
        server.command = (sys.executable, "-m", "tests.e2e.serve_with_viewer", server.keys[EAST])
        with server:
            yield server


def test_an_image_that_ohif_shows_is_one_trace(
    viewer: RadgateProcess, spans: Collector, capsys: pytest.CaptureFixture[str]
) -> None:
    root = shown_in_ohif(viewer, spans)
    with capsys.disabled():
        print("", *lines(root), sep="\n")

    for request in root.parts:
        assert request.span.attributes == {"http.status_code": 200}
        (envoy,) = request.parts
        assert envoy.span.service == "radgate-gateway"
        (served,) = envoy.parts
        assert (served.span.service, served.span.attributes["rpc.response.status_code"]) == ("radgate", "OK")

    metadata = root.find(f"GET {SERIES}/metadata")
    get = metadata.find(f"{SERVICE}/RetrieveMetadata").find("PACS retrieve").find("C-GET")
    assert get.find("C-STORE").span.attributes["radgate.status"] == 0
    frame = root.find(f"GET {SERIES}/instances/*/frames/1").find(f"{SERVICE}/RetrieveFrames")
    assert {"radgate.tier": "hot-instances", "radgate.hit": True, "radgate.tenant": EAST} in [
        node.span.attributes for node in frame.walk()
    ]


def shown_in_ohif(viewer: RadgateProcess, spans: Collector) -> Node:
    """Open the study in OHIF, and wait until its image is on the screen and the spans of all requests have come."""
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 800}, base_url=viewer.url)
        page.set_default_timeout(60_000)
        page.add_init_script(SEEN_BEFORE)
        traced = TracedPage(page)
        viewport = open_study(page, IMAGE.ref.study_instance_uid)
        wait_for(lambda: (grey_of(viewport) > 128).mean() > 0.05, "an image in the viewport", 60)
        asked = traced.spans("OHIF shows an image")

    def tree() -> Node:
        return tree_of([*asked, *spans.trace(traced.own.trace_id)], traced.own.span_id)

    def complete() -> bool:
        return all(envoy.parts for request in tree().parts for envoy in request.parts or (request,))

    wait_for(complete, "spans of all requests")
    return tree()
