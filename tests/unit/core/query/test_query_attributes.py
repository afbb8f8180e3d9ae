"""The attribute tables against the standard's data dictionary."""

import pytest
from pydicom.datadict import keyword_for_tag

from radgate_server.core.dicom.identifiers import QueryLevel
from radgate_server.core.query import return_attributes as query_attributes
from radgate_server.core.query.model import MatchingKey, Query
from radgate_server.core.query.return_attributes import (
    IMAGE_ATTRIBUTES,
    SERIES_ATTRIBUTES,
    STUDY_ATTRIBUTES,
    level_of,
    standard_attributes,
)

TABLES = ("_STUDY", "_SERIES", "_IMAGE", "_OF_STUDY", "_OF_SERIES", "_OF_IMAGE")


@pytest.mark.parametrize("table", TABLES)
def test_every_tag_stands_beside_its_keyword(table: str) -> None:
    rows: dict[str, str] = getattr(query_attributes, table)
    assert {keyword_for_tag(int(tag, 16)): tag for tag in rows.values()} == rows
    assert all(tag == tag.upper() and len(tag) == 8 for tag in rows.values())


@pytest.mark.parametrize(
    ("tag", "level"),
    [
        ("00100020", QueryLevel.STUDY),
        ("0020000D", QueryLevel.STUDY),
        ("00080201", QueryLevel.STUDY),
        ("00080060", QueryLevel.SERIES),
        ("0020000E", QueryLevel.SERIES),
        ("00080018", QueryLevel.IMAGE),
        ("00280010", QueryLevel.IMAGE),
        ("00091001", None),
    ],
)
def test_an_attribute_belongs_to_the_outermost_level_that_has_it(tag: str, level: QueryLevel | None) -> None:
    assert level_of(tag) is level


def test_series_of_any_study_come_with_their_studys_attributes() -> None:
    assert set(standard_attributes(Query(QueryLevel.SERIES))) == {*STUDY_ATTRIBUTES, *SERIES_ATTRIBUTES}


def test_series_of_one_study_come_without() -> None:
    query = Query(QueryLevel.SERIES, (MatchingKey(("0020000D",), "1.2"),))
    assert standard_attributes(query) == SERIES_ATTRIBUTES


def test_instances_of_one_series_come_with_their_own_attributes_only() -> None:
    keys = (MatchingKey(("0020000D",), "1.2"), MatchingKey(("0020000E",), "1.3"))
    assert standard_attributes(Query(QueryLevel.IMAGE, keys)) == IMAGE_ATTRIBUTES
