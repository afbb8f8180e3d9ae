"""Query strings as viewers write them."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radgate_server.core.dicom.identifiers import QueryLevel
from radgate_server.core.errors import InvalidArgumentError
from radgate_server.rpc.dicomweb.search.query import Search, parse_search
from radgate_server.services.query.search import Page

STUDY, SERIES, IMAGE = QueryLevel.STUDY, QueryLevel.SERIES, QueryLevel.IMAGE
PATIENT_NAME, PATIENT_ID, STUDY_UID, SERIES_UID = "00100010", "00100020", "0020000D", "0020000E"


def parse(query_string: str, level: QueryLevel = STUDY, study: str = "", series: str = "") -> Search:
    return parse_search(level, study, series, query_string, max_limit=5000)


def keys(search: Search) -> dict[str, str]:
    return {".".join(key.path): key.value.reveal() for key in search.query.keys}


@pytest.mark.parametrize(
    ("query_string", "expected"),
    [
        ("", {}),
        ("PatientName=*x*", {PATIENT_NAME: "*x*"}),
        ("00100010=*x*", {PATIENT_NAME: "*x*"}),
        ("PatientName=M%C3%BCller%5EJ*", {PATIENT_NAME: "Müller^J*"}),
        ("PatientName=VAN+DER*", {PATIENT_NAME: "VAN DER*"}),
        ("PatientID=1%2B2", {PATIENT_ID: "1+2"}),
        ("PatientID=", {PATIENT_ID: ""}),
        ("PatientID", {PATIENT_ID: ""}),
        ("StudyInstanceUID=1.2,1.3", {STUDY_UID: "1.2\\1.3"}),
        ("StudyInstanceUID=1.2%5C1.3", {STUDY_UID: "1.2\\1.3"}),
        ("StudyInstanceUID=1.2&StudyInstanceUID=1.3", {STUDY_UID: "1.2\\1.3"}),
        ("StudyInstanceUID=1.2&0020000D=1.2", {STUDY_UID: "1.2"}),
        ("StudyInstanceUID=*", {STUDY_UID: ""}),
        ("StudyDate=20260101-20260131", {"00080020": "20260101-20260131"}),
        ("ModalitiesInStudy=CT", {"00080061": "CT"}),
        ("RequestAttributesSequence.ScheduledProcedureStepID=5", {"00400275.00400009": "5"}),
        ("00400275.00400009=5", {"00400275.00400009": "5"}),
        ("&&PatientID=7&", {PATIENT_ID: "7"}),
        ("accept=application/dicom+json&charset=utf-8&PatientID=7", {PATIENT_ID: "7"}),
    ],
)
def test_keys(query_string: str, expected: dict[str, str]) -> None:
    search = parse(query_string)
    assert keys(search) == expected
    assert search.ignored == ()


def test_the_path_says_where_to_search() -> None:
    search = parse("StudyInstanceUID=9.9&Modality=CT", IMAGE, "1.2", "1.2.3")
    assert keys(search) == {STUDY_UID: "1.2", SERIES_UID: "1.2.3", "00080060": "CT"}
    assert search.query.level is IMAGE


@pytest.mark.parametrize(
    ("query_string", "include", "include_all"),
    [
        ("includefield=00081030", [("00081030",)], False),
        ("includefield=StudyDescription,00100040", [("00081030",), ("00100040",)], False),
        ("includefield=00100040&includefield=00081030", [("00081030",), ("00100040",)], False),
        ("includefield=", [], False),
        ("includefield", [], False),
        ("includefield=all", [], True),
        ("includefield=all,00081030", [("00081030",)], True),
        ("includefield=00080060", [("00080060",)], False),  # of series, at study level
        ("includefield=RequestAttributesSequence.ScheduledProcedureStepID", [("00400275", "00400009")], False),
    ],
)
def test_included_fields(query_string: str, include: list[tuple[str, ...]], include_all: bool) -> None:
    search = parse(query_string)
    assert (list(search.query.include), search.query.include_all, search.ignored) == (include, include_all, ())


@pytest.mark.parametrize(
    ("query_string", "page"),
    [
        ("", Page(0, 5000)),
        ("limit=101&offset=0&fuzzymatching=false", Page(0, 101)),
        ("limit=25&offset=50", Page(50, 25)),
        ("limit=999999", Page(0, 5000)),
        ("limit=0", Page(0, 0)),
        ("limit=&offset=", Page(0, 5000)),
        ("limit=5&limit=5", Page(0, 5)),
    ],
)
def test_pages(query_string: str, page: Page) -> None:
    assert parse(query_string).page == page


@pytest.mark.parametrize(
    ("query_string", "fuzzy"), [("", False), ("fuzzymatching=TRUE", True), ("fuzzymatching=false", False)]
)
def test_fuzzy_matching(query_string: str, fuzzy: bool) -> None:
    assert parse(query_string).query.fuzzy_matching == fuzzy


@pytest.mark.parametrize(
    ("query_string", "ignored"),
    [
        ("_=1700000000", ("_",)),
        ("PatientNme=x", ("PatientNme",)),
        ("includefield=Nonsense,00081030", ("Nonsense",)),
        ("pretty&verbose=1&pretty", ("pretty", "verbose")),
        ("%22quoted%22=1", ("a parameter",)),
        ("=x", ("a parameter",)),
    ],
)
def test_what_is_no_attribute_is_passed_over_and_reported(query_string: str, ignored: tuple[str, ...]) -> None:
    search = parse(query_string)
    assert keys(search) == {}
    assert search.ignored == ignored


@pytest.mark.parametrize(
    ("query_string", "field"),
    [
        ("limit=-1", "limit"),
        ("limit=ten", "limit"),
        ("limit=1.5", "limit"),
        ("limit=1&limit=2", "limit"),
        ("limit=%D9%A1", "limit"),
        ("offset=99999999999", "offset"),
        ("fuzzymatching=yes", "fuzzymatching"),
        ("fuzzymatching=true&fuzzymatching=false", "fuzzymatching"),
        ("0010001=x", "0010001"),
        ("001000100=x", "001000100"),
        ("PatientName.PatientID=x", "PatientName.PatientID"),
        ("00020010=1.2", "00020010"),
        ("includefield=0010001", "includefield"),
        ("includefield=PatientName.PatientID", "includefield"),
        ("StudyInstanceUID=abc", "StudyInstanceUID"),
        ("StudyInstanceUID=1..2", "StudyInstanceUID"),
        ("StudyDate=yesterday", "StudyDate"),
        ("StudyDate=20261301", "StudyDate"),
        ("PatientID=1&PatientID=2", "PatientID"),
        ("PatientID=a%00b", "PatientID"),
        ("PatientName=%FF%FE", "query"),
        ("&".join(["a=1"] * 201), "query"),
    ],
)
def test_what_is_malformed_is_named(query_string: str, field: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        parse(query_string)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("study", "series", "field"), [("x", "", "study_instance_uid"), ("1.2", "1.a", "series_instance_uid")]
)
def test_malformed_paths_are_named(study: str, series: str, field: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        parse("", SERIES, study, series)
    assert caught.value.field == field


def test_equal_searches_are_equal() -> None:
    assert parse("PatientID=1&Modality=CT&includefield=00081030,00100040").query == (
        parse("includefield=00100040&Modality=CT&00100020=1&includefield=StudyDescription").query
    )


@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), max_size=5))
def test_anything_is_understood_or_refused(parameters: list[tuple[str, str]]) -> None:
    query_string = "&".join(f"{quote(name)}={quote(value)}" for name, value in parameters)
    try:
        names = parse(query_string).ignored
    except InvalidArgumentError as error:
        names = (error.field,)
    assert all(name.isprintable() for name in names)
