"""One image that a browser asks for is one trace: browser, Envoy, gRPC call, cache, PACS, DIMSE messages.

`python -m pytest -s tests/e2e/test_trace.py` prints it as a tree.
"""

import json
from collections.abc import Iterator
from typing import NamedTuple

import httpx
import pytest

from radgate_server.core.telemetry.tracing import TraceContext, parse_traceparent
from tests.e2e.browser import chromium
from tests.e2e.radgate_process import RadgateProcess, dimse
from tests.e2e.studies import EAST, Original, real, store
from tests.e2e.waiting import wait_for
from tests.integration.orthanc import OrthancServer
from tests.integration.otlp_collector import Collector, collector
from tests.trace_tree import Node, begin, lines, tree_of

FETCH = """async ([url, key, traceparent]) => {
  const answer = await fetch(url, {headers: {authorization: `Bearer ${key}`, traceparent}});
  return [answer.status, answer.headers.get("traceparent"), (await answer.arrayBuffer()).byteLength];
}"""


class Traced(NamedTuple):
    """Radgate in front of a fresh Orthanc with two images, and the collector of both their spans."""

    radgate: RadgateProcess
    spans: Collector
    ct: Original
    mr: Original


@pytest.fixture(scope="module", params=["grpc", "http"])
def traced(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    protocol = str(request.param)
    ct, mr = real("CT_small.dcm"), real("MR_small.dcm")
    with collector() as spans, OrthancServer(tmp_path_factory.mktemp("archive")) as archive:
        store(archive, [ct, mr])
        with RadgateProcess(tmp_path_factory.mktemp("radgate"), spans.settings(protocol)).tenant(
            EAST, dimse(archive)
        ) as radgate:
            yield Traced(radgate, spans, ct, mr)


def frame_path(original: Original) -> str:
    ref = original.ref
    return (
        f"/dicom-web/studies/{ref.study_instance_uid}/series/{ref.series_instance_uid}"
        f"/instances/{ref.sop_instance_uid}/frames/1"
    )


def tree(traced: Traced, own: TraceContext, *names: str) -> Node:
    """The trace below the browser's span, once spans of these names have come."""

    def complete() -> bool:
        return {found.name for found in traced.spans.trace(own.trace_id)} >= set(names)

    wait_for(complete, f"spans {names}")
    return tree_of(traced.spans.trace(own.trace_id), own.span_id)


def test_one_image_in_a_browser_is_one_trace(traced: Traced, capsys: pytest.CaptureFixture[str]) -> None:
    own = begin()
    with chromium() as browser:
        page = browser.new_page()
        page.goto(f"{traced.radgate.url}/nothing")
        url = traced.radgate.url + frame_path(traced.ct)
        status, reported, size = page.evaluate(FETCH, [url, traced.radgate.keys[EAST], own.traceparent])
    assert (status, size > 32768) == (200, True)
    answered = parse_traceparent(reported)
    assert answered is not None
    assert answered.trace_id == own.trace_id

    call = "radgate.dicomweb.v1.DicomWebService/RetrieveFrames"
    gateway = "GET dicomweb.retrieve.frames"
    root = tree(traced, own, gateway, call, "PACS find", "PACS retrieve", "C-GET", "C-STORE")
    with capsys.disabled():
        print("", *lines(root), sep="\n")

    (envoy,) = root.parts
    assert (envoy.span.name, envoy.span.service) == (gateway, "radgate-gateway")
    (served,) = envoy.parts
    assert (served.span.name, served.span.service) == (call, "radgate")
    assert served.span.attributes["rpc.response.status_code"] == "OK"
    retrieve = served.find("PACS retrieve")
    assert [part.span.name for part in retrieve.parts] == ["A-ASSOCIATE", "C-GET"]
    get = retrieve.find("C-GET")
    reported = get.span.attributes
    assert (reported["radgate.pacs"], reported["radgate.level"]) == ("archive", "IMAGE")
    assert reported.get("radgate.completed", 1) == 1  # it may be over before the PACS says so: the image is there
    (arrived,) = get.parts
    assert (arrived.span.name, arrived.span.attributes["radgate.status"]) == ("C-STORE", 0)
    assert served.find("PACS find").find("C-FIND").span.attributes["radgate.count"] == 1
    assert served.find("audit").parts == ()
    caches = [node.span.attributes for node in served.walk() if node.span.name == "cache"]
    assert {"radgate.tier": "warm", "radgate.hit": False, "radgate.tenant": EAST} in caches
    assert get.span.attributes["radgate.tenant"] == arrived.span.attributes["radgate.tenant"] == EAST
    for node in root.walk():
        for part in node.parts:
            assert node.span.start_ns <= part.span.start_ns


def test_a_trace_holds_no_patient_data_and_no_uid(traced: Traced) -> None:
    own = begin()
    with traced.radgate.client(EAST) as client:
        headers = {"traceparent": own.traceparent}
        assert client.get(frame_path(traced.mr), headers=headers).status_code == 200
        name = str(traced.mr.dataset.PatientName)
        answer = client.get("/dicom-web/studies", params={"PatientName": name}, headers=headers)
        assert len(answer.json()) == 1
    tree(traced, own, "GET dicomweb.retrieve.frames", "GET dicomweb.search")
    reported = json.dumps(traced.spans.everything())
    dataset, ref = traced.mr.dataset, traced.mr.ref
    for secret in (name, str(dataset.PatientID), ref.study_instance_uid, ref.sop_instance_uid, "dicom-web/studies"):
        assert secret not in reported


def test_an_answer_names_the_trace_and_the_request(traced: Traced) -> None:
    own = begin()
    with traced.radgate.client(EAST) as client:
        refused = client.get("/dicom-web/studies/1.2.3/metadata", headers={"traceparent": own.traceparent})
    assert refused.status_code == 404
    assert own.trace_id in refused.headers["traceparent"]
    assert refused.headers["x-trace-id"] == own.trace_id
    assert refused.headers["x-request-id"]


def test_what_nobody_samples_is_not_recorded(traced: Traced) -> None:
    own = begin()._replace(sampled=False)
    with traced.radgate.client(EAST) as client:
        assert client.get("/dicom-web/studies").status_code == 200
        headers = {"traceparent": own.traceparent}
        assert client.get("/dicom-web/studies", headers=headers).status_code == 200
        recorded = begin()
        assert client.get("/dicom-web/studies", headers={"traceparent": recorded.traceparent}).status_code == 200
    tree(traced, recorded, "GET dicomweb.search")
    assert traced.spans.trace(own.trace_id) == []
    sent = 'radgate_trace_spans_total{outcome="sent"}'
    wait_for(lambda: sent in httpx.get(traced.radgate.metrics_url, timeout=60).text, "what was sent is counted")
