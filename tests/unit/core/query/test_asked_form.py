import pytest

from radgate_server.core.dicom.identifiers import QueryLevel
from radgate_server.core.query.literal_form import asked_forms
from radgate_server.core.query.model import MatchingKey, Query

STUDY, SERIES, IMAGE = QueryLevel


def forms(level: QueryLevel, *others: tuple[str, str], **keys: str) -> list[str]:
    """How the first key is asked for."""
    pairs = [*((name[1:], value) for name, value in keys.items()), *others]
    query = Query(level, tuple(MatchingKey((tag,), value) for tag, value in pairs))
    return [form.keys[0].value.reveal() for form in asked_forms(query)]


@pytest.mark.parametrize(
    ("tag", "value", "asked"),
    [
        ("00080061", "CT\\MR", ["CT", "MR"]),
        ("00080061", "C*", [""]),
        ("0020000D", "1.2\\1.3", ["1.2\\1.3"]),
        ("00100010", "*", [""]),
        ("00100010", "Doe*", ["Doe*"]),
        ("00100010", "DOE^*", ["DOE*"]),
        ("00100010", "Müller*", ["Müller*"]),
        ("00100010", "=山田^*", ["*山田*"]),
        ("00080030", "08-12", ["08-125959.999999"]),
        ("00080030", "10", ["10-105959.999999"]),
        ("00080030", "10-", ["10-"]),
        ("00080020", "20200101-", ["20200101-"]),
        ("00201206", "1", [""]),
        ("00104000", "a\\b", ["a?b"]),
        ("00100020", "\\".join(f"P{n}" for n in range(17)), [""]),
    ],
)
def test_no_narrower_than_meant(tag: str, value: str, asked: list[str]) -> None:
    assert forms(STUDY, **{f"t{tag}": value}) == asked


def test_within_a_study_what_has_several_values_is_matched_here() -> None:
    assert forms(IMAGE, t00080008="PRIMARY") == ["PRIMARY"]
    assert forms(IMAGE, ("0020000D", "1.2"), t00080008="PRIMARY") == [""]


def test_two_lists_are_all_their_pairs() -> None:
    assert forms(STUDY, ("00100040", "F\\M"), t00080061="CT\\MR") == ["CT", "CT", "MR", "MR"]
