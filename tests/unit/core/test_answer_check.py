import pytest

from radgate_server.core.answer_check import check_answer
from radgate_server.core.identifiers import QueryLevel
from radgate_server.core.query import DicomJson, FindResult, MatchingKey, Query


def match(study: object = "1.2.3", **values: object) -> DicomJson:
    attributes: DicomJson = {"0020000D": {"vr": "UI", "Value": [study]}}
    return attributes | {name[1:]: {"vr": "LO", "Value": [value]} for name, value in values.items()}


def query(**keys: str) -> Query:
    return Query(QueryLevel.STUDY, tuple(MatchingKey((name[1:],), value) for name, value in keys.items()))


@pytest.mark.parametrize("asked", ["P1", "p1", "P*", "", "*", "P1\\P2"])
def test_what_fits_passes(asked: str) -> None:
    result = FindResult((match(t00100020="P1"),), truncated=True)
    checked = check_answer(query(t00100020=asked), result)
    assert (checked.result, checked.strange, checked.malformed) == (result, 0, 0)


def test_another_patient_is_left_out_and_counted() -> None:
    ours, strange = match("1.2.1", t00100020="P1"), match("1.2.2", t00100020="P2")
    checked = check_answer(query(t00100020="P1"), FindResult((strange, ours)))
    assert checked.result.matches == (ours,)
    assert (checked.strange, checked.malformed) == (1, 0)


def test_another_study_is_left_out() -> None:
    checked = check_answer(query(t0020000D="1.2.3\\1.2.4"), FindResult((match("1.2.3"), match("1.2.5"))))
    assert [value["0020000D"]["Value"] for value in checked.result.matches] == [["1.2.3"]]


def test_a_match_that_does_not_say_whose_it_is_passes() -> None:
    silent = [match(), match(t00100020=""), match(t00100020=None)]
    assert len(check_answer(query(t00100020="P1"), FindResult(tuple(silent))).result.matches) == 3


def test_names_are_left_to_the_pacs() -> None:
    generous = match(t00100010={"Alphabetic": "Mueller"})
    assert check_answer(query(t00100010="Müller"), FindResult((generous,))).strange == 0


@pytest.mark.parametrize("uid", [None, "", "1.2.x", "1" * 65, 12])
def test_a_match_without_a_proper_uid_is_left_out_and_counted(uid: object) -> None:
    checked = check_answer(query(), FindResult((match(uid), match())))
    assert (len(checked.result.matches), checked.malformed) == (1, 1)
