import pytest

from radgate_server.core.dicom.data_sets import DicomJson
from radgate_server.core.dicom.identifiers import QueryLevel
from radgate_server.core.query.answer_check import check_answer
from radgate_server.core.query.model import FindResult, MatchingKey, Query


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


STEPS = ("00400275", "00400009")


def series(*steps: str, uid: str = "1.2.3.1") -> DicomJson:
    items = [{"00400009": {"vr": "SH", "Value": [step]}} for step in steps]
    return match() | {"0020000E": {"vr": "UI", "Value": [uid]}, "00400275": {"vr": "SQ", "Value": items}}


def series_query(path: tuple[str, ...], value: str) -> Query:
    return Query(QueryLevel.SERIES, (MatchingKey(path, value),))


def test_what_contradicts_a_key_within_a_sequence_is_left_out() -> None:
    checked = check_answer(series_query(STEPS, "S1"), FindResult((series("S2"), series("S3", "S1"), series("S4"))))
    assert [found["00400275"] for found in checked.result.matches] == [series("S3", "S1")["00400275"]]
    assert (checked.strange, checked.unchecked) == (0, ())


def test_who_has_no_value_does_not_match_where_others_show_that_the_pacs_knows_it() -> None:
    checked = check_answer(series_query(STEPS, "S1"), FindResult((series("S1"), series())))
    assert (len(checked.result.matches), checked.unchecked) == (1, ())
    assert not check_answer(series_query(STEPS, "S1"), FindResult((series(),), shown=frozenset({STEPS}))).result.matches


def test_a_key_that_nobody_could_check_is_named() -> None:
    checked = check_answer(series_query(STEPS, "S1"), FindResult((series(),)))
    assert (len(checked.result.matches), checked.unchecked) == (1, (STEPS,))
    assert check_answer(series_query(STEPS, "S1"), FindResult((series(),), exact=True)).unchecked == ()


def test_modality_of_a_study_is_checked_by_its_modalities() -> None:
    modalities = match() | {"00080061": {"vr": "CS", "Value": ["SR", "CT"]}}
    assert check_answer(query(t00080060="CT\\MR"), FindResult((modalities,))).result.matches
    assert not check_answer(query(t00080060="US"), FindResult((modalities,))).result.matches
    assert check_answer(query(t00080060="US"), FindResult((match(),))).unchecked == (("00080060",),)


@pytest.mark.parametrize(
    ("tag", "vr", "key", "value", "fits"),
    [
        ("00080030", "TM", "08-12", "125959", True),
        ("00080030", "TM", "08-12", "13", False),
        ("00081030", "LO", "THORAX*", "Thórax  ap", True),
        ("00081030", "LO", "Knie", "Knee", False),
        ("00100010", "PN", "Doe", {"Alphabetic": "DOE^JANE"}, True),
        ("00100010", "PN", "Jane^Doe", {"Alphabetic": "DOE^JANE"}, True),
        ("00100010", "PN", "DOE^*", {"Alphabetic": "DOERING^UWE"}, False),
        ("00100010", "PN", "Doe*", {"Alphabetic": "ROE^JANE"}, False),
        ("00100010", "PN", "Müller", {"Alphabetic": "M\ufffdller"}, True),
    ],
)
def test_generosity_is_no_contradiction(tag: str, vr: str, key: str, value: object, fits: bool) -> None:
    found = match() | {tag: {"vr": vr, "Value": [value]}}
    assert bool(check_answer(query(**{f"t{tag}": key}), FindResult((found,))).result.matches) is fits


def test_what_had_no_uid_to_look_below_is_malformed_too() -> None:
    assert check_answer(query(), FindResult((match(), match(None)), malformed=2)).malformed == 3
