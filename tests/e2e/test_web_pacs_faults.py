"""What clients of the whole server see of web archives that break the rules."""

import io
from collections.abc import Iterator

import grpc
import httpx
import pydicom
import pytest

import radgate as sdk
from radgate_server.core.pacs import DicomWebConnection, OrthancConnection
from tests.e2e.odd_archives import INSTANCES, MATCHES, SECRET, STUDY, UIDS, odd_archives
from tests.e2e.radgate_process import PACS, RadgateProcess
from tests.integration.ports import free_port

MAX_RESULTS = 20
NOWHERE = "nowhere"
FAILING = {
    # archive: (HTTP status, status of gRPC, reason)
    "refusing": (502, grpc.StatusCode.FAILED_PRECONDITION, "PACS_CREDENTIALS_REFUSED"),
    "garbled": (502, grpc.StatusCode.UNKNOWN, "PACS_FAILED"),
    "silent": (504, grpc.StatusCode.UNAVAILABLE, "PACS_TIMEOUT"),
    "breaking": (502, grpc.StatusCode.UNAVAILABLE, "PACS_ABORTED"),
    "busy": (503, grpc.StatusCode.UNAVAILABLE, "PACS_BUSY"),
    NOWHERE: (503, grpc.StatusCode.UNAVAILABLE, "PACS_UNREACHABLE"),
}
STUDY_PATH = f"/dicom-web/studies/{STUDY}"


@pytest.fixture(scope="module")
def radgate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RadgateProcess]:
    """A server with a tenant for each archive, over DICOMweb and where it makes sense as an Orthanc."""
    settings = {
        "RADGATE_RETRIEVE__MAX_RESULTS": str(MAX_RESULTS),
        "RADGATE_PACS__MAX_RETRIES": "1",
        "RADGATE_WEB_PACS__IDLE_TIMEOUT_S": "2",
        "RADGATE_PACS__BREAKER_FAILURES": "1000",  # so that every failure is told as what it is
    }
    server = RadgateProcess(tmp_path_factory.mktemp("radgate"), settings)
    with odd_archives() as urls:
        nowhere = f"http://127.0.0.1:{free_port()}"
        for name, url in {**urls, NOWHERE: nowhere}.items():
            server.tenant(f"{name}-dicomweb", DicomWebConnection(url))
            if name in FAILING:
                server.tenant(f"{name}-orthanc", OrthancConnection(url))
        with server:
            yield server
        assert SECRET not in server.log()


def searched(radgate: RadgateProcess, tenant: str, query: str = "") -> httpx.Response:
    with radgate.client(tenant) as web:
        return web.get(f"/dicom-web/studies{query}")


@pytest.mark.parametrize("kind", ["dicomweb", "orthanc"])
@pytest.mark.parametrize("archive", FAILING)
def test_a_failure_names_the_pacs_and_is_not_the_callers(radgate: RadgateProcess, kind: str, archive: str) -> None:
    tenant, (http_status, code, reason) = f"{archive}-{kind}", FAILING[archive]
    for path in ("/dicom-web/studies", STUDY_PATH, f"{STUDY_PATH}/metadata"):
        with radgate.client(tenant) as web:
            answer = web.get(path)
        (info,) = (detail for detail in answer.json()["details"] if "reason" in detail)
        assert (answer.status_code, info["reason"], info["metadata"]["pacs"]) == (http_status, reason, PACS)
        assert "www-authenticate" not in answer.headers
        assert SECRET not in answer.text
    with sdk.Client(radgate.doors["grpc"], radgate.keys[tenant]) as client:
        attempts: list[Iterator[object]] = [client.retrieve_study(STUDY, max_resumes=0)]
        if (
            code is not grpc.StatusCode.UNAVAILABLE
        ):  # else the SDK asks again, after the time that it is advised to wait
            attempts.append(client.search_studies())
        for attempt in attempts:
            with pytest.raises(sdk.RadgateError) as caught:
                list(attempt)
            assert (caught.value.code, caught.value.reason) == (code, reason)
            assert caught.value.metadata["pacs"] == PACS
            assert SECRET not in str(caught.value)


def test_more_results_than_the_limit_are_cut_and_told(radgate: RadgateProcess) -> None:
    answer = searched(radgate, "abundant-dicomweb")
    assert len(answer.json()) == MAX_RESULTS < MATCHES
    assert answer.headers["warning"].startswith("299 ")
    assert PACS in answer.headers["warning"]


def test_another_patients_data_is_withheld_and_told(radgate: RadgateProcess) -> None:
    answer = searched(radgate, "confused-dicomweb", "?PatientID=P-1")
    assert [match["00100020"]["Value"] for match in answer.json()] == [["P-1"]]
    assert answer.headers["warning"].startswith("299 ")
    assert "not asked for" in answer.headers["warning"]
    assert "SOMEBODY" not in answer.text + str(answer.headers)


def test_an_instance_in_the_place_of_another_is_missing_in_the_record(radgate: RadgateProcess) -> None:
    with sdk.Client(radgate.doors["grpc"], radgate.keys["swapping-dicomweb"]) as client:
        stream = client.retrieve_study(STUDY)
        came = []
        with pytest.raises(sdk.IncompleteStudyError) as caught:
            came.extend(instance.sop_instance_uid for instance in stream)
    told = caught.value
    assert sorted(came) == [UIDS[0], UIDS[2]]
    assert (told.expected, told.delivered) == (INSTANCES, 2)
    assert [(missing.sop_instance_uid, missing.reason) for missing in told.missing] == [(UIDS[1], "INSTANCE_MISMATCH")]
    with radgate.client("swapping-dicomweb") as web:  # it is known by now, so that HTTP can say it beforehand
        answer = web.get(STUDY_PATH)
    assert (answer.status_code, "1 instance is left out" in answer.headers["warning"]) == (200, True)
    assert UIDS[1] not in answer.text


def test_what_is_sent_twice_is_delivered_once(radgate: RadgateProcess) -> None:
    with sdk.Client(radgate.doors["grpc"], radgate.keys["repeating-dicomweb"]) as client:
        came = [pydicom.dcmread(io.BytesIO(instance.data)) for instance in client.retrieve_study(STUDY)]
    assert sorted(dataset.SOPInstanceUID for dataset in came) == sorted(UIDS)
    assert len({dataset.PixelData for dataset in came}) == INSTANCES
