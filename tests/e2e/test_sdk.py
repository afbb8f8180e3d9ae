"""The Python SDK through both doors: Envoy's port, and the gRPC server's own behind it."""

import asyncio
import io
from collections.abc import Iterator

import grpc
import pydicom
import pytest

import radgate as sdk
from tests.e2e.radgate_process import RadgateProcess, dimse
from tests.e2e.studies import (
    EAST,
    GREY_SERIES,
    GREY_SLICES,
    GREY_STUDY,
    SYNTAXES,
    SYNTAXES_STUDY,
    WEST,
    Original,
    grey_slices,
    of_syntax,
    path_of,
    store,
)
from tests.integration.orthanc import OrthancServer

ENDPOINTS = ("http", "grpc")


@pytest.fixture(params=ENDPOINTS)
def endpoint(request: pytest.FixtureRequest, radgate: RadgateProcess) -> str:
    return radgate.endpoints[request.param]


@pytest.fixture
def client(endpoint: str, radgate: RadgateProcess) -> Iterator[sdk.Client]:
    with sdk.Client(endpoint, radgate.keys[EAST]) as client:
        yield client


def test_search_goes_through_all_pages(
    client: sdk.Client, originals: list[Original], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("radgate.requests.MAX_PAGE_SIZE", 2)
    stored = sorted({original.ref.study_instance_uid for original in originals})
    assert sorted(study.study_instance_uid for study in client.search_studies()) == stored
    assert len(list(client.search_studies(limit=5))) == 5
    assert [study.study_instance_uid for study in client.search_studies(patient_name="Quadrant*")] == [GREY_STUDY]
    assert [series.series_instance_uid for series in client.search_series(GREY_STUDY)] == [GREY_SERIES]
    assert len(list(client.search_instances(GREY_STUDY))) == GREY_SLICES


def test_a_study_comes_whole_and_verified(client: sdk.Client) -> None:
    reported: list[sdk.Progress] = []
    received = {
        found.sop_instance_uid: found for found in client.retrieve_study(SYNTAXES_STUDY, on_progress=reported.append)
    }
    assert len(received) == len(SYNTAXES) == reported[-1].instances
    for original in map(of_syntax, SYNTAXES):
        instance = received[original.ref.sop_instance_uid]
        assert instance.transfer_syntax_uid == original.transfer_syntax_uid
        dataset = pydicom.dcmread(io.BytesIO(instance.data))
        assert bytes(dataset.PixelData) == bytes(original.dataset.PixelData)
        assert dataset.PatientName == "Syntaxes^Sylvia"


def test_metadata_and_frames(client: sdk.Client) -> None:
    headers = list(client.metadata(GREY_STUDY, GREY_SERIES))
    assert [header["00100010"]["Value"] for header in headers] == [[{"Alphabetic": "Quadrant^Quentin"}]] * GREY_SLICES
    first = next(grey_slices())
    (frame,) = client.frames(GREY_STUDY, GREY_SERIES, first.ref.sop_instance_uid)
    assert (frame.frame_number, frame.data) == (1, first.dataset.PixelData)


def test_asyncio_does_the_same(endpoint: str, radgate: RadgateProcess) -> None:
    async def use() -> tuple[set[str], int, int]:
        async with sdk.aio.Client(endpoint, radgate.keys[EAST]) as client:
            found = {study.study_instance_uid async for study in client.search_studies(patient_id="E2E-2")}
            instances = [instance async for instance in client.retrieve_study(GREY_STUDY)]
            headers = [header async for header in client.metadata(GREY_STUDY)]
            return found, len(instances), len(headers)

    assert asyncio.run(use()) == ({GREY_STUDY}, GREY_SLICES, GREY_SLICES)


def test_what_is_not_there_is_not_found(client: sdk.Client) -> None:
    with pytest.raises(sdk.NotFoundError) as caught:
        list(client.retrieve_study("2.25.404"))
    assert (caught.value.code, caught.value.reason) == (grpc.StatusCode.NOT_FOUND, "OBJECT_NOT_FOUND")
    with pytest.raises(sdk.NotFoundError):
        list(client.metadata("2.25.404"))


def test_strangers_and_neighbours_stay_out(endpoint: str, radgate: RadgateProcess) -> None:
    other = pydicom.dcmread(path_of("rtdose.dcm")).StudyInstanceUID
    with sdk.Client(endpoint, "rg_000000000000_wrong") as stranger, pytest.raises(sdk.UnauthenticatedError):
        list(stranger.search_studies())
    with (
        sdk.Client(endpoint, radgate.keys[EAST], WEST) as neighbour,
        pytest.raises(sdk.PermissionDeniedError) as caught,
    ):
        list(neighbour.search_studies())
    assert caught.value.reason == "TENANT_NOT_ALLOWED"
    with sdk.Client(endpoint, radgate.keys[EAST]) as east, pytest.raises(sdk.NotFoundError):
        list(east.retrieve_study(other))
    with sdk.Client(endpoint, radgate.keys[WEST]) as west:
        assert [study.study_instance_uid for study in west.search_studies()] == [other]


@pytest.fixture(scope="module")
def bereft(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RadgateProcess]:
    """A server whose only PACS has died."""
    with OrthancServer(tmp_path_factory.mktemp("dying")) as orthanc:
        store(orthanc, grey_slices())
        settings = {"RADGATE_PACS__BREAKER_FAILURES": "1000"}  # what an open breaker answers is reported elsewhere
        with RadgateProcess(tmp_path_factory.mktemp("bereft"), settings).tenant(EAST, dimse(orthanc)) as server:
            with server.client(EAST) as web:
                assert len(web.get("/dicom-web/studies").json()) == 1
            orthanc.kill()
            yield server


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_an_outage_is_an_error_and_never_empty(
    bereft: RadgateProcess, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("radgate.client.retry_delay_s", lambda error, attempt, attempts: None)
    with sdk.Client(bereft.endpoints[endpoint], bereft.keys[EAST]) as client:
        for call in (
            lambda: client.search_studies(patient_id="E2E-2"),
            lambda: client.search_series(GREY_STUDY),
            lambda: client.retrieve_study(GREY_STUDY),
            lambda: client.metadata(GREY_STUDY),
            lambda: client.frames(GREY_STUDY, GREY_SERIES, f"{GREY_SERIES}.1"),
        ):
            with pytest.raises(sdk.PacsError) as caught:
                list(call())  # type: ignore[no-untyped-call]
            assert (caught.value.code, caught.value.reason) == (grpc.StatusCode.UNAVAILABLE, "PACS_UNREACHABLE")
            assert caught.value.retry_after_s is not None


def test_an_outage_is_503_to_the_web(bereft: RadgateProcess) -> None:
    with bereft.client(EAST) as web:
        for path in ("studies?PatientID=E2E-2", f"studies/{GREY_STUDY}", f"studies/{GREY_STUDY}/metadata"):
            answer = web.get(f"/dicom-web/{path}")
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) > 0
            details = {detail["@type"].rpartition(".")[2]: detail for detail in answer.json()["details"]}
            assert details["ErrorInfo"]["reason"] == "PACS_UNREACHABLE"
            assert details["RetryInfo"]["retryDelay"]
