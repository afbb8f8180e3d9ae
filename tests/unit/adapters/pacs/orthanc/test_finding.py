"""The body of POST /tools/find."""

from radgate_server.adapters.pacs.orthanc.finding import (
    finding_of,
    is_pinned,
    narrowed,
    query_below,
    with_modalities_in_study,
    without_open_keys_below,
)
from radgate_server.core.dicom.identifiers import QueryLevel, RetrieveScope
from radgate_server.core.query.model import MatchingKey, Query
from radgate_server.services.retrieve.listing import listing_query


def key(tag: str, value: str) -> MatchingKey:
    return MatchingKey((tag,), value)


def test_a_listing_asks_for_what_the_database_has_and_no_more() -> None:
    finding = finding_of(listing_query(RetrieveScope("1.2", "1.3")))
    assert finding.body(since=200, limit=100) == {
        "Level": "Instance",
        "Query": {"0020,000d": "1.2", "0020,000e": "1.3"},
        "Expand": True,
        "Short": True,
        "ResponseContent": ["RequestedTags"],
        "RequestedTags": ["0020,000d", "0020,000e", "0008,0018", "0008,0016", "0010,0020"],
        "CaseSensitive": False,
        "Since": 200,
        "Limit": 100,
    }
    assert finding.remaining == ()


def test_what_orthanc_matches_generously_is_looked_at_again() -> None:
    keys = (key("00100020", "A"), key("0020000D", "1.2"), key("00120062", "YES"))
    finding = finding_of(Query(QueryLevel.STUDY, keys))
    assert finding.remaining == (keys[0], keys[2])
    assert finding.constraints == {"00100020": "A", "0020000D": "1.2"}
    assert {"00100010", "00081030", "00120062"} <= set(finding.requested)


def test_bulk_and_what_is_of_the_message_is_not_asked_for() -> None:
    query = Query(QueryLevel.IMAGE, (key("00080005", "ISO_IR 100"),), include=(("7FE00010",), ("00081190",)))
    assert not {"00080005", "7FE00010", "00081190"} & set(finding_of(query).requested)


def test_everything_is_what_belongs_to_the_level_and_those_above() -> None:
    requested = set(finding_of(Query(QueryLevel.SERIES, include_all=True)).requested)
    assert {"00080070", "00181030", "00100020", "00380010"} <= requested
    assert "00280010" not in requested


def test_modality_at_study_level() -> None:
    query = with_modalities_in_study(Query(QueryLevel.STUDY, (key("00080060", "CT"), key("00100020", "A"))))
    assert [item.path for item in query.keys] == [("00080061",), ("00100020",)]
    series = Query(QueryLevel.SERIES, (key("00080060", "CT"),))
    assert with_modalities_in_study(series) is series


def test_keys_of_levels_below() -> None:
    query = Query(QueryLevel.STUDY, (key("00100020", "A"), key("0020000E", "1.3")), include=(("00081030",),))
    below = query_below(query)
    assert below is not None
    assert below.level is QueryLevel.SERIES
    assert below.keys == query.keys
    assert below.include == (("0020000D",),)
    above = narrowed(query, ["1.2", "1.9"])
    assert above.keys == (key("00100020", "A"), key("0020000D", "1.2\\1.9"))
    assert above.include == query.include
    assert query_below(above) is None


def test_one_uid_pins_an_entity() -> None:
    assert is_pinned(Query(QueryLevel.STUDY, (key("0020000D", "1.2"),)))
    assert not is_pinned(Query(QueryLevel.STUDY, (key("0020000D", "1.2\\1.3"),)))
    assert not is_pinned(Query(QueryLevel.IMAGE, (key("0020000D", "1.2"),)))


def test_keys_below_that_match_everything_lead_to_no_search_there() -> None:
    query = without_open_keys_below(Query(QueryLevel.STUDY, (key("00080060", ""), key("00100020", "P"))))
    assert query.keys == (key("00100020", "P"),)
    assert query_below(query) is None


def test_what_orthanc_computes_of_a_study_is_not_looked_for_below() -> None:
    query = Query(QueryLevel.STUDY, (key("00201206", "2"), key("00200011", "1"), key("00100020", "P")))
    below = query_below(query)
    assert below is not None
    assert below.keys == (key("00200011", "1"), key("00100020", "P"))
    of_series = Query(QueryLevel.STUDY, (key("00201209", "4"),))
    assert query_below(of_series) is not None
