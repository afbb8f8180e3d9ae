"""What Orthanc's database is asked to search for."""

import pytest

from radgate_server.adapters.pacs.orthanc.constraints import constraint_of
from radgate_server.core.dicom.identifiers import QueryLevel
from radgate_server.core.query.model import MatchingKey

STUDY, SERIES, IMAGE = QueryLevel


@pytest.mark.parametrize(
    ("tag", "value", "sent"),
    [
        ("0020000D", "1.2\\1.3", "1.2\\1.3"),
        ("0020000D", "1.2*", None),
        ("00100020", " A-1 ", "A-1"),
        ("00100020", "A?1*", "A?1*"),
        ("00100020", "A\\B", "A\\B"),
        ("00100020", "A*\\B", None),
        ("00100020", "*", None),
        ("00100020", "", None),
        ("00080020", "20010101-20030601", "20010101-20030601"),
        ("00080020", "-20030601", "-20030601"),
        ("00080020", "20010101-", "20010101-"),
        ("00080020", "20010101", "20010101"),
        ("00080020", "2001.01.01", None),
        ("00080030", "10", "10-105959.999999"),
        ("00080030", "1015-1130", "10-115959.999999"),
        ("00080030", "-1130", "-115959.999999"),
        ("00080030", "101500.25-", "10-"),
        ("00080030", "noon", None),
        ("00100010", "Doe^P*", "*Doe^P*"),
        ("00100010", "DOE^*", "*DOE*"),
        ("00100010", "Doe^Peter^^", "*Doe^Peter*"),
        ("00100010", "=山田^太郎", "*山田^太郎*"),
        ("00100010", "A\\B", None),
        ("00100010", "^?*", None),
    ],
)
def test_keys_of_a_study(tag: str, value: str, sent: str | None) -> None:
    wanted = None if sent is None else (tag, sent)
    assert constraint_of(MatchingKey((tag,), value), STUDY) == wanted


@pytest.mark.parametrize(
    ("tag", "level", "known"),
    [
        ("00080060", SERIES, True),
        ("00080060", IMAGE, True),
        ("00100020", IMAGE, True),
        ("00080018", IMAGE, True),
        ("00080018", SERIES, False),  # of a level below: Orthanc would find nothing
        ("00080016", IMAGE, False),
        ("00120062", STUDY, False),
        ("00091001", STUDY, False),
    ],
)
def test_only_what_the_database_has_is_sent(tag: str, level: QueryLevel, known: bool) -> None:
    assert (constraint_of(MatchingKey((tag,), "1"), level) is not None) is known


def test_modality_of_a_study_is_one_of_its_series() -> None:
    assert constraint_of(MatchingKey(("00080060",), "CT\\MR"), STUDY) == ("00080061", "CT\\MR")
    assert constraint_of(MatchingKey(("00080061",), "C*"), STUDY) is None


def test_numbers_are_compared_here_whichever_way_they_are_written() -> None:
    assert constraint_of(MatchingKey(("00200013",), "07"), IMAGE) is None


def test_keys_within_sequences_stay_here() -> None:
    assert constraint_of(MatchingKey(("00400275", "00400009"), "1"), SERIES) is None
