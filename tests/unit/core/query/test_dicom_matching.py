"""Matching rules of PS3.4 C.2.2.2, case by case."""

from typing import Any

import pytest

from radgate_server.core.dicom.data_sets import DicomJson
from radgate_server.core.dicom.identifiers import QueryLevel
from radgate_server.core.query.matching import is_universal, matches, project
from radgate_server.core.query.model import MatchingKey, Query

TAG = "00100010"


def attribute(vr: str, *values: Any) -> DicomJson:
    return {TAG: {"vr": vr, "Value": list(values)}}


def key_matches(data: DicomJson, value: str, *path: str) -> bool:
    return matches(data, Query(QueryLevel.STUDY, (MatchingKey(path or (TAG,), value),)))


def name(alphabetic: str = "", ideographic: str = "", phonetic: str = "") -> dict[str, str]:
    groups = {"Alphabetic": alphabetic, "Ideographic": ideographic, "Phonetic": phonetic}
    return {group: text for group, text in groups.items() if text}


YES = [
    ("LO", "Smith", "Smith"),
    ("LO", " Smith ", "Smith"),
    ("LO", "Smith", "Sm*"),
    ("LO", "Smith", "*mit*"),
    ("LO", "Smith", "S??th"),
    ("LO", "a.b", "a.b"),
    ("LO", "abcabc", "a*c*c"),
    ("LO", "abc", "*abc*"),
    ("LO", "[x] y", "[x]*"),
    ("LO", "a+b(c)", "a+b*)"),
    ("CS", "CT", "MR\\CT"),
    ("LT", "a\\b", "a\\b"),
    ("UI", "1.2.3", "1.2.3"),
    ("UI", "1.2.3", "1.2\\1.2.3\\"),
    ("IS", 7, "007"),
    ("DS", 1.5, "1.50"),
    ("DS", 1, "1.0"),
    ("US", 512, "512"),
    ("DA", "20200131", "20200131"),
    ("DA", "20200131", "20200101-20200131"),
    ("DA", "20200131", "20200131-"),
    ("DA", "20200131", "-20200131"),
    ("DA", "2020.01.31", "20200131"),
    ("TM", "101112.5", "1011"),
    ("TM", "101112", "10-10"),
    ("TM", "101112.999999", "-101112"),
    ("TM", "235959.123", "2359-"),
    ("TM", "10:11:12", "101112"),
    ("DT", "20200131101112", "202001"),
    ("DT", "20200131101112", "20200131-20200201"),
    ("DT", "20200131101112-0500", "20200131151112+0000"),
    ("DT", "20200131100000+0100", "20200131090000+0000-"),
    ("PN", name("Müller^Jürgen"), "MÜLLER^JÜRGEN"),
    ("PN", name("Doe^John^^^"), "Doe^John"),
    ("PN", name("Doe^John"), "doe^*"),
    ("PN", name("Doe"), "Doe^*"),
    ("PN", name("Doe^John"), "*oh*"),
    ("PN", name("Yamada^Tarou", "山田^太郎", "やまだ^たろう"), "山田*"),
    ("PN", name("Yamada^Tarou", "山田^太郎"), "yamada^tarou=山田^太郎"),
    ("PN", name("Yamada^Tarou", "山田^太郎"), "=山田*"),
]
NO = [
    ("LO", "Smith", "smith"),
    ("LO", "Smith", "Smit"),
    ("LO", "Smith", "S?th"),
    ("LO", "axb", "a.b"),
    ("LO", "abc", "a*c*c"),
    ("LO", "a" * 64, "*a" * 500 + "b"),
    ("LO", "a" * 64, "*a" * 30 + "*b"),
    ("CS", "US", "MR\\CT"),
    ("UI", "1.2.30", "1.2.3"),
    ("UI", "1.2.3", "1.2.*"),
    ("IS", 7, "8"),
    ("IS", 7, "seven"),
    ("DA", "20200201", "20200101-20200131"),
    ("DA", "20200101", "20200102-"),
    ("DA", "", "20200101"),
    ("DA", "20200101", "soon"),
    ("DA", "20200101", "-"),
    ("TM", "111112", "10"),
    ("TM", "10", "1030"),
    ("DT", "20200131101112-0500", "20200131101112+0000"),
    ("DT", "20200201", "20200131"),
    ("PN", name("Doe^John"), "Doe"),
    ("PN", name("Doe^John"), "Doe^J"),
    ("PN", name("Yamada^Tarou", "山田^太郎"), "=鈴木*"),
    ("PN", name("Yamada^Tarou"), "Yamada^Tarou=山田"),
]


@pytest.mark.parametrize(("vr", "value", "key"), YES)
def test_matches(vr: str, value: Any, key: str) -> None:
    assert key_matches(attribute(vr, value), key)


@pytest.mark.parametrize(("vr", "value", "key"), NO)
def test_does_not_match(vr: str, value: Any, key: str) -> None:
    assert not key_matches(attribute(vr, value), key)


@pytest.mark.parametrize("key", ["", "*", "**", " "])
def test_universal_keys_match_what_is_not_there(key: str) -> None:
    assert is_universal(key)
    assert key_matches({}, key)


@pytest.mark.parametrize("data", [{}, {TAG: {"vr": "LO"}}, {TAG: {"vr": "LO", "Value": [None]}}])
def test_other_keys_need_a_value(data: DicomJson) -> None:
    assert not key_matches(data, "x*")


def test_one_of_several_values_is_enough() -> None:
    assert key_matches(attribute("CS", "CT", "SR"), "SR")


def test_all_keys_must_match() -> None:
    data = {"00100020": {"vr": "LO", "Value": ["P"]}, "00080060": {"vr": "CS", "Value": ["CT"]}}
    keys = (MatchingKey(("00080060",), "MR"), MatchingKey(("00100020",), "P"))
    assert not matches(data, Query(QueryLevel.SERIES, keys))


SEQUENCE: DicomJson = {
    "00400275": {
        "vr": "SQ",
        "Value": [
            {"00400009": {"vr": "SH", "Value": ["A"]}, "00401001": {"vr": "SH", "Value": ["1"]}},
            {"00400009": {"vr": "SH", "Value": ["B"]}, "00401001": {"vr": "SH", "Value": ["2"]}},
            {},
        ],
    }
}


def test_a_sequence_matches_by_any_item() -> None:
    assert key_matches(SEQUENCE, "B", "00400275", "00400009")
    assert not key_matches(SEQUENCE, "C", "00400275", "00400009")


def test_keys_of_one_sequence_match_in_one_item() -> None:
    step, procedure = ("00400275", "00400009"), ("00400275", "00401001")
    together = Query(QueryLevel.SERIES, (MatchingKey(step, "A"), MatchingKey(procedure, "1")))
    apart = Query(QueryLevel.SERIES, (MatchingKey(step, "A"), MatchingKey(procedure, "2")))
    assert matches(SEQUENCE, together)
    assert not matches(SEQUENCE, apart)


STUDY: DicomJson = {
    "00080020": {"vr": "DA", "Value": ["20200101"]},
    "00080070": {"vr": "LO", "Value": ["Acme"]},
    "0020000D": {"vr": "UI", "Value": ["1.2"]},
    **SEQUENCE,
}


def test_the_answer_holds_the_levels_attributes() -> None:
    assert list(project(STUDY, Query(QueryLevel.STUDY))) == ["00080020", "0020000D"]


def test_the_answer_holds_keys_and_what_is_included() -> None:
    query = Query(
        QueryLevel.STUDY, (MatchingKey(("00080070",), ""),), include=(("00400275", "00400009"), ("00101010",))
    )
    assert list(project(STUDY, query)) == ["00080020", "00080070", "0020000D", "00400275"]


def test_the_answer_holds_all_when_all_is_asked_for() -> None:
    assert project(STUDY, Query(QueryLevel.STUDY, include_all=True)) == STUDY
