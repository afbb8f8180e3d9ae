import pytest

from radgate_server.adapters.pacs.dicomweb.qido import (
    announces_more,
    ignored_fuzziness,
    literally,
    needs_decoding,
    search_of,
    split_lists,
    target_of,
)
from radgate_server.core.dicom.data_sets import TagPath
from radgate_server.core.dicom.identifiers import QueryLevel
from radgate_server.core.query.model import MatchingKey, Query

STUDY, SERIES, IMAGE = QueryLevel


def query(level: QueryLevel, keys: dict[str, str], *include: TagPath, **flags: bool) -> Query:
    matching = tuple(MatchingKey(tuple(path.split(".")), value) for path, value in keys.items())
    return Query(level, matching, include, only_included=flags.pop("only_included", True), **flags)


def target(asked: Query, *, offset: int = 0, server_decodes: bool = True) -> str:
    return target_of(search_of(asked), limit=9, offset=offset, server_decodes=server_decodes)


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        (query(STUDY, {}), "/studies?limit=9"),
        (query(STUDY, {"00100020": "P 1"}), "/studies?PatientID=P%201&limit=9"),
        (query(STUDY, {"00100020": ""}), "/studies?includefield=PatientID&limit=9"),
        (query(STUDY, {"00100010": "*"}), "/studies?includefield=PatientName&limit=9"),
        (query(STUDY, {"0020000D": "1.2\\1.3"}), "/studies?StudyInstanceUID=1.2,1.3&limit=9"),
        (query(STUDY, {"00080060": "CT"}), "/studies?ModalitiesInStudy=CT&limit=9"),
        (query(STUDY, {"00080020": "20200101-"}), "/studies?StudyDate=20200101-&limit=9"),
        (query(STUDY, {"00091001": "x"}), "/studies?00091001=x&limit=9"),
        (query(SERIES, {"0020000D": "1.2"}), "/studies/1.2/series?limit=9"),
        (query(SERIES, {"0020000D": "1.2\\1.3"}), "/series?StudyInstanceUID=1.2,1.3&limit=9"),
        (
            query(SERIES, {"00400275.00400009": "S"}),
            "/series?RequestAttributesSequence.ScheduledProcedureStepID=S&includefield=RequestAttributesSequence&limit=9",
        ),
        (query(IMAGE, {"0020000D": "1.2", "0020000E": "1.3"}), "/studies/1.2/series/1.3/instances?limit=9"),
        (query(IMAGE, {"0020000D": "1.2"}), "/studies/1.2/instances?limit=9"),
        (query(IMAGE, {"0020000E": "1.3"}), "/instances?SeriesInstanceUID=1.3&limit=9"),
        (query(IMAGE, {}, ("00080016",)), "/instances?includefield=SOPClassUID&limit=9"),
        (query(STUDY, {}, include_all=True), "/studies?includefield=all&limit=9"),
        (query(STUDY, {}, fuzzy_matching=True), "/studies?fuzzymatching=true&limit=9"),
        (query(STUDY, {}, only_included=False), "/studies?includefield=StudyDescription&limit=9"),
    ],
)
def test_a_query_as_qido_spells_it(asked: Query, path: str) -> None:
    assert target(asked) == path


def test_a_later_page_has_an_offset() -> None:
    assert target(query(STUDY, {}), offset=9) == "/studies?limit=9&offset=9"


@pytest.mark.parametrize(
    ("asked", "crosses"),
    [
        (query(STUDY, {"00100020": "P"}), False),
        (query(SERIES, {}), True),
        (query(SERIES, {"0020000D": "1.2"}), False),
        (query(SERIES, {"0020000D": "1.2", "00100020": "P"}), True),
        (query(IMAGE, {"0020000D": "1.2"}), True),
        (query(IMAGE, {"0020000D": "1.2", "0020000E": "1.3"}), False),
    ],
)
def test_whether_it_crosses_levels(asked: Query, crosses: bool) -> None:
    assert search_of(asked).crosses_levels is crosses


def test_for_a_server_that_does_not_decode_there_is_nothing_to_decode() -> None:
    asked = query(STUDY, {"00100010": "Doe^J & Sön*"})
    assert target(asked, server_decodes=False) == "/studies?PatientName=Doe^J???S*n*&limit=9"
    assert needs_decoding(search_of(asked))
    assert not needs_decoding(search_of(query(STUDY, {"00100020": "P*", "0020000D": "1.2\\1.3"})))


def test_what_wildcards_match_too_much_is_sifted_out() -> None:
    search = search_of(query(STUDY, {"00100010": "Doe Jane", "00100020": "P*"}))
    good, bad = ({"00100010": {"vr": "PN", "Value": [{"Alphabetic": name}]}} for name in ("Doe Jane", "Doe^Jane"))
    assert literally(search, (good, bad, {})) == (good, {})


def test_long_lists_are_split() -> None:
    uids = [f"1.2.{n}" for n in range(85)]
    parts = split_lists(query(STUDY, {"0020000D": "\\".join(uids)}))
    assert [len(part.value_of("0020000D").split("\\")) for part in parts] == [40, 40, 5]
    assert "\\".join(part.value_of("0020000D") for part in parts) == "\\".join(uids)


@pytest.mark.parametrize(
    ("warning", "more", "literal"),
    [
        ("", False, False),
        ("299 dcm4chee: There are 7 additional results that can be requested", True, False),
        ('299 x "The number of results exceeded the maximum supported by the server, limit 100"', True, False),
        (
            '299 x "The fuzzymatching parameter is not supported. Only literal matching has been performed."',
            False,
            True,
        ),
        ("199 x more", False, False),
    ],
)
def test_warnings_are_understood(warning: str, more: bool, literal: bool) -> None:
    assert announces_more({"warning": warning}) is more
    assert ignored_fuzziness({"warning": warning}) is literal
