from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from radgate import Client, ClientClosedError, aio
from radgate.requests import (
    MAX_PAGE_SIZE,
    MatchValue,
    PartialAnswerWarning,
    Search,
    frames_request,
    keyword_of,
    match_keys,
    studies_pages,
)
from radgate.storing import Upload
from radgate.v1.dicom_pb2 import Study
from radgate.v1.query_service_pb2 import QueryWarning, SearchStudiesResponse


@pytest.mark.parametrize(
    ("name", "keyword"),
    [
        ("patient_id", "PatientID"),
        ("modality", "Modality"),
        ("modalities_in_study", "ModalitiesInStudy"),
        ("study_instance_uid", "StudyInstanceUID"),
        ("sop_classes_in_study", "SOPClassesInStudy"),
        ("PatientID", "PatientID"),
        ("00100020", "00100020"),
    ],
)
def test_keywords_are_spelled_as_python_spells_names(name: str, keyword: str) -> None:
    assert keyword_of(name) == keyword


def search(limit: int | None = None) -> Search:
    keywords = {"study_date": date(2026, 1, 2), "study_instance_uid": ["1.2", "1.3"], "series_number": 7}
    return Search(keywords, {"00400275.00400009": "x"}, ("Rows",), True, limit)


def test_values_are_spelled_as_dicom_spells_them() -> None:
    request = studies_pages(search()).request
    assert {key.attribute: key.value for key in request.keys} == {
        "StudyDate": "20260102",
        "StudyInstanceUID": "1.2\\1.3",
        "SeriesNumber": "7",
        "00400275.00400009": "x",
    }
    assert (list(request.include_fields), request.fuzzy_matching) == (["Rows"], True)


def test_one_field_is_no_list_of_fields() -> None:
    with pytest.raises(ValueError, match="include_fields must be a list of strings"):
        studies_pages(Search({}, None, "Rows", False, None))


def test_one_transfer_syntax_is_no_list_of_them() -> None:
    with pytest.raises(ValueError, match="transfer_syntaxes must be a list of strings"):
        frames_request("1.2", "1.3", "1.4", (1,), "1.2.840.10008.1.2.1")


@pytest.mark.parametrize(("limit", "size"), [(None, MAX_PAGE_SIZE), (7, 7), (10_000, MAX_PAGE_SIZE)])
def test_no_more_is_asked_for_than_is_wanted(limit: int | None, size: int) -> None:
    assert studies_pages(search(limit)).request.page_size == size


def page(count: int, token: str, *warnings: QueryWarning) -> SearchStudiesResponse:
    return SearchStudiesResponse(studies=[Study()] * count, next_page_token=token, warnings=warnings)


def test_pages_are_walked_to_the_last_one() -> None:
    pages = studies_pages(search())
    assert len(pages.take(page(2, "next"))) == 2
    assert pages.request.page_token == "next"
    assert len(pages.take(page(1, ""))) == 1
    assert pages.request is None


def test_the_limit_cuts_the_last_page_and_asks_for_no_more() -> None:
    pages = studies_pages(search(3))
    pages.take(page(2, "next"))
    assert len(pages.take(page(2, "more"))) == 1
    assert pages.request is None
    assert studies_pages(search(0)).request is None


def test_an_answer_that_is_less_than_whole_warns() -> None:
    warning = QueryWarning(
        pacs="old",
        reason="QUERY_WARNING_REASON_PACS_FAILED",
        error_reason="ERROR_REASON_PACS_UNREACHABLE",
        message="PACS old can't be reached",
    )
    with pytest.warns(PartialAnswerWarning, match=r"PACS old can't be reached \(PACS_UNREACHABLE\)") as reported:
        studies = studies_pages(search()).take(page(1, "", warning))
    assert (len(studies), len(reported)) == (1, 1)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ((date(2026, 1, 2), date(2026, 2, 3)), "20260102-20260203"),
        ((date(2026, 1, 2), None), "20260102-"),
        ((None, date(2026, 2, 3)), "-20260203"),
        (("CT", "MR"), "CT\\MR"),
        ([], ""),
    ],
)
def test_ranges_of_days_and_lists(value: MatchValue, text: str) -> None:
    assert [key.value for key in match_keys({"study_date": value}, None)] == [text]


@pytest.mark.parametrize("value", [None, (None, None), [1, 2], 1.5, b"CT"])
def test_what_can_not_be_matched_is_refused_by_what_could(value: Any) -> None:
    with pytest.raises(ValueError, match="pair of dates"):
        list(match_keys({"study_date": value}, None))


@pytest.mark.parametrize("lone", ["/folder", Path("/folder"), b"DICM", BytesIO()])
def test_a_lone_file_is_no_list_of_files(lone: Any) -> None:
    with pytest.raises(ValueError, match="must be a list"):
        Upload(lone, "", "", None)


def test_a_closed_client_says_so() -> None:
    client = Client("localhost:1", "key")
    client.close()
    with pytest.raises(ClientClosedError):
        list(client.search_studies())
    with pytest.raises(ClientClosedError):
        list(client.retrieve_study("1.2"))
    with pytest.raises(ClientClosedError):
        client.store([b""])


async def test_a_closed_client_for_asyncio_says_so() -> None:
    client = aio.Client("localhost:1", "key")
    await client.close()
    with pytest.raises(ClientClosedError):
        await anext(client.search_studies())
    with pytest.raises(ClientClosedError):
        await client.store([b""])
