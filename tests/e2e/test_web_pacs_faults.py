"""What clients of the whole server see of archives that break the rules, over the web and a few over DIMSE."""

import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import grpc
import httpx
import pydicom
import pytest
from pydicom.dataset import Dataset
from pynetdicom.events import Event

import radgate as sdk
from radgate_server.core.pacs.connections import DicomWebConnection, DimseConnection, OrthancConnection, RetrieveMethod
from tests.e2e.odd_archives import INSTANCES, MATCHES, SECRET, STUDY, UIDS, odd_archives
from tests.e2e.radgate_process import PACS, RadgateProcess
from tests.integration.faulty_scp import FaultyScp, ct_instance
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


CANCELLED_STUDY, CUT_STUDY = "1.2.3", "1.2.4"
SLICES = [ct_instance(number) for number in (1, 2, 3)]


def _answered(event: Event, *datasets: Dataset) -> Iterator[Any]:
    """Pending answers with what was asked for of the data sets, as far as they have it."""
    for dataset in datasets:
        answer = Dataset()
        for element in event.identifier:
            answer.add(dataset.get(element.tag, element))
        yield 0xFF00, answer


def _cancelled_find(event: Event) -> Iterator[Any]:
    """Whoever names no study, or one whose listing is cut, has his answer ended as if he had cancelled it."""
    study, level = event.identifier.StudyInstanceUID, event.identifier.QueryRetrieveLevel
    held = [ct_instance(9, study=CUT_STUDY)] if study == CUT_STUDY else SLICES
    yield from _answered(event, *held[: None if level == "IMAGE" else 1])
    if not study or (study == CUT_STUDY and level == "IMAGE"):
        yield 0xFE00, None


def _cancelled_get(_: Event) -> Iterator[Any]:
    yield len(SLICES)
    yield 0xFF00, SLICES[0]
    yield 0xFE00, None


def _nameless_find(event: Event) -> Iterator[Any]:
    """Its series have no UID."""
    nameless = Dataset()
    nameless.StudyInstanceUID = CANCELLED_STUDY
    return _answered(event, nameless)


DIMSE_ARCHIVES: dict[str, dict[str, Callable[[Event], Iterator[Any]]]] = {
    "cancelled": {"on_find": _cancelled_find, "on_get": _cancelled_get},
    "nameless": {"on_find": _nameless_find},
}


@pytest.fixture(scope="module")
def radgate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RadgateProcess]:
    """A server with a tenant for each archive, over DICOMweb and where it makes sense as an Orthanc."""
    settings = {
        "RADGATE_RETRIEVE__MAX_RESULTS": str(MAX_RESULTS),
        "RADGATE_PACS__MAX_RETRIES": "1",
        "RADGATE_WEB_PACS__IDLE_TIMEOUT_S": "2",
        "RADGATE_PACS__BREAKER_FAILURES": "1000",  # so that every failure is reported as what it is
    }
    server = RadgateProcess(tmp_path_factory.mktemp("radgate"), settings)
    with ExitStack() as started:
        urls = started.enter_context(odd_archives())
        for name, handlers in DIMSE_ARCHIVES.items():
            port = started.enter_context(FaultyScp(**handlers)).port  # type: ignore[arg-type]
            connection = DimseConnection("127.0.0.1", port, "FAULTY", "RADGATE", RetrieveMethod.GET)
            server.tenant(f"{name}-dimse", connection)
        nowhere = f"http://127.0.0.1:{free_port()}"
        for name, url in {**urls, NOWHERE: nowhere}.items():
            server.tenant(f"{name}-dicomweb", DicomWebConnection(url))
            if name in FAILING:
                server.tenant(f"{name}-orthanc", OrthancConnection(url))
        with server:
            yield server
        assert SECRET not in server.log()


def searched(radgate: RadgateProcess, tenant: str, query: str = "", path: str = "studies") -> httpx.Response:
    with radgate.client(tenant) as web:
        return web.get(f"/dicom-web/{path}{query}")


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
    with sdk.Client(radgate.endpoints["grpc"], radgate.keys[tenant]) as client:
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


def test_more_results_than_the_limit_are_cut_and_reported(radgate: RadgateProcess) -> None:
    answer = searched(radgate, "abundant-dicomweb")
    assert len(answer.json()) == MAX_RESULTS < MATCHES
    assert answer.headers["warning"].startswith("299 ")
    assert PACS in answer.headers["warning"]


def test_another_patients_data_is_withheld_and_reported(radgate: RadgateProcess) -> None:
    answer = searched(radgate, "confused-dicomweb", "?PatientID=P-1")
    assert [match["00100020"]["Value"] for match in answer.json()] == [["P-1"]]
    assert answer.headers["warning"].startswith("299 ")
    assert "not asked for" in answer.headers["warning"]
    assert "SOMEBODY" not in answer.text + str(answer.headers)


def test_keys_that_nobody_could_match_are_named(radgate: RadgateProcess) -> None:
    answer = searched(radgate, "forgetful-dicomweb", "?AccessionNumber=SECRET-7&PatientID=P-1")
    text = f"PACS {PACS} returned matches without a value of AccessionNumber; it may not have matched by that"
    assert (answer.status_code, len(answer.json())) == (200, 1)
    assert answer.headers["warning"] == f'299 radgate "{text}"'
    with (
        sdk.Client(radgate.endpoints["grpc"], radgate.keys["forgetful-dicomweb"]) as client,
        pytest.warns(sdk.PartialAnswerWarning) as reported,
    ):
        assert len(list(client.search_studies(accession_number="SECRET-7"))) == 1
    assert [str(one.message) for one in reported] == [f"{text} (KEYS_UNCHECKED)"]


@pytest.mark.parametrize("archive", ["nameless-dicomweb", "nameless-dimse"])
@pytest.mark.parametrize("path", ["series", f"studies/{CANCELLED_STUDY}/series", "instances"])
def test_entities_without_a_uid_are_left_out_with_a_warning(radgate: RadgateProcess, archive: str, path: str) -> None:
    answer = searched(radgate, archive, path=path)
    assert (answer.status_code, answer.json()) == (200, [])
    assert "without a proper UID; they were left out" in answer.headers["warning"]


def test_a_search_that_the_pacs_cancels_is_called_cut(radgate: RadgateProcess) -> None:
    answer = searched(radgate, "cancelled-dimse")
    text = f"the answer of PACS {PACS} was cut off after 1 matches, there may be more; narrow the search"
    assert (answer.status_code, len(answer.json())) == (200, 1)
    assert answer.headers["warning"] == f'299 radgate "{text}"'
    with (
        sdk.Client(radgate.endpoints["grpc"], radgate.keys["cancelled-dimse"]) as client,
        pytest.warns(sdk.PartialAnswerWarning) as reported,
    ):
        assert len(list(client.search_studies())) == 1
    assert [str(one.message) for one in reported] == [f"{text} (RESULTS_TRUNCATED)"]


def test_a_retrieve_that_the_pacs_cancels_is_not_whole(radgate: RadgateProcess) -> None:
    with sdk.Client(radgate.endpoints["grpc"], radgate.keys["cancelled-dimse"]) as client:
        came = []
        with pytest.raises(sdk.IncompleteStudyError) as caught:
            came.extend(one.sop_instance_uid for one in client.retrieve_study(CANCELLED_STUDY, max_resumes=0))
    assert came == [SLICES[0].SOPInstanceUID]
    assert (caught.value.expected, caught.value.delivered) == (len(SLICES), 1)
    assert {(missing.reason, missing.message) for missing in caught.value.missing} == {
        ("PACS_FAILED", "the PACS ended the C-GET with status 0xFE00: cancelled, though nobody asked for that")
    }


def test_a_listing_that_the_pacs_cancels_is_called_cut(radgate: RadgateProcess) -> None:
    answer = searched(radgate, "cancelled-dimse", path=f"studies/{CUT_STUDY}")
    assert answer.status_code == 502
    assert "cut its list off after 1 instances" in answer.json()["message"]


def test_an_instance_in_the_place_of_another_is_missing_in_the_record(radgate: RadgateProcess) -> None:
    with sdk.Client(radgate.endpoints["grpc"], radgate.keys["swapping-dicomweb"]) as client:
        stream = client.retrieve_study(STUDY)
        came = []
        with pytest.raises(sdk.IncompleteStudyError) as caught:
            came.extend(instance.sop_instance_uid for instance in stream)
    reported = caught.value
    assert sorted(came) == [UIDS[0], UIDS[2]]
    assert (reported.expected, reported.delivered) == (INSTANCES, 2)
    assert [(missing.sop_instance_uid, missing.reason) for missing in reported.missing] == [
        (UIDS[1], "INSTANCE_MISMATCH")
    ]
    with radgate.client("swapping-dicomweb") as web:  # it is known by now, so that HTTP can say it beforehand
        answer = web.get(STUDY_PATH)
    assert (answer.status_code, "1 instance is left out" in answer.headers["warning"]) == (200, True)
    assert UIDS[1] not in answer.text


def test_what_is_sent_twice_is_delivered_once(radgate: RadgateProcess) -> None:
    with sdk.Client(radgate.endpoints["grpc"], radgate.keys["repeating-dicomweb"]) as client:
        came = [pydicom.dcmread(io.BytesIO(instance.data)) for instance in client.retrieve_study(STUDY)]
    assert sorted(dataset.SOPInstanceUID for dataset in came) == sorted(UIDS)
    assert len({dataset.PixelData for dataset in came}) == INSTANCES
