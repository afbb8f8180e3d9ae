"""Whose study it is and where it lies, by what was reported."""

import pytest

from radgate_server.core.dicom.family_name import FamilyName, family_name
from radgate_server.services.query.known_studies import KnownStudies, KnownStudy
from radgate_server.services.query.merging import SourcedMatch

DOE = family_name("Doe")
NAMELESS = FamilyName()


def match(study: str, patient: str | None, *pacs: str, name: str = "") -> SourcedMatch:
    attributes = {
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": name}]} if name else {"vr": "PN"},
        "0020000D": {"vr": "UI", "Value": [study]},
        "00100020": {"vr": "LO", "Value": [patient] if patient else []},
    }
    return SourcedMatch(attributes, pacs)


def test_a_study_has_the_patient_and_the_pacs_that_a_search_reported() -> None:
    studies = KnownStudies()
    learning = studies.learning()
    found = (match("1.1", "P-1", "main"), match("1.1", None, "second"), match("1.2", None, "main"))
    learning.learn("a", [*found, SourcedMatch({}, ())])
    assert studies.of_study("a", "1.1") == KnownStudy("P-1", "main,second")
    assert studies.of_study("a", "1.2") == KnownStudy(None, "main")
    assert {studies.of_study(*place) for place in (("b", "1.1"), ("a", ""))} == {KnownStudy(None, "")}


def test_what_is_reported_piece_by_piece_is_put_together() -> None:
    studies = KnownStudies()
    learning = studies.learning()
    learning.learn_pacs("a", "1.1", ("main",))
    learning.learn_patient("a", "1.1", "P-1", DOE)
    learning.learn_pacs("a", "1.1", ("second", "main"))
    assert studies.of_study("a", "1.1") == KnownStudy("P-1", "main,second", DOE)
    learning.learn_patient("a", "1.2", "", NAMELESS)
    assert studies.of_study("a", "1.2") == KnownStudy("", "", NAMELESS)


def test_a_study_has_the_family_name_that_a_search_reported() -> None:
    studies = KnownStudies()
    learning = studies.learning()
    learning.learn("a", [match("1.1", "P-1"), match("1.1", "P-1", name="DOE^JANE"), match("1.2", "P-2")])
    assert studies.of_study("a", "1.1").is_of_family(DOE)
    assert not studies.of_study("a", "1.2").is_of_family(DOE)
    assert not studies.of_study("b", "1.1").is_of_family(DOE)
    assert not studies.of_study("a", "1.1").is_of_family(NAMELESS)
    assert "doe" not in repr(studies.of_study("a", "1.1")).lower()


def test_what_says_nothing_takes_nothing_away() -> None:
    studies = KnownStudies()
    learning = studies.learning()
    learning.learn("a", [match("1.1", "P-1", name="DOE^JANE")])
    learning.learn_patient("a", "1.1", "", NAMELESS)
    learning.learn("a", [match("1.1", None)])
    assert studies.of_study("a", "1.1") == KnownStudy("P-1", "", DOE)


@pytest.mark.parametrize(
    ("known", "is_notified"),
    [
        (KnownStudy("P-1", "", None), False),
        (KnownStudy(None, "", DOE), False),
        (KnownStudy("P-1", "", DOE), True),
        (KnownStudy("", "", NAMELESS), True),
    ],
)
def test_nothing_more_can_be_learned_when_id_and_name_were_reported(known: KnownStudy, is_notified: bool) -> None:
    assert known.is_patient_known is is_notified


def test_those_used_last_are_kept() -> None:
    studies = KnownStudies(max_studies=2)
    learning = studies.learning()
    learning.learn("a", [match("1.1", "P-1"), match("1.2", "P-2")])
    assert studies.of_study("a", "1.1").patient_id == "P-1"
    learning.learn("a", [match("1.3", "P-3")])
    assert [studies.of_study("a", f"1.{n}").patient_id for n in (1, 2, 3)] == ["P-1", None, "P-3"]


@pytest.mark.parametrize("erased", ["1.1", None])
def test_what_was_asked_before_an_erasure_is_learned_no_more(erased: str | None) -> None:
    studies = KnownStudies()
    with studies.learning() as before:
        studies.invalidate("a", erased)
        with studies.learning() as after:
            before.learn("a", [match("1.1", "P-1")])
            before.learn_pacs("a", "1.1", ("main",))
            before.learn_patient("a", "1.1", "P-1", DOE)
            assert studies.of_study("a", "1.1") == KnownStudy()
            before.learn("b", [match("1.1", "P-1")])
            assert studies.of_study("b", "1.1").patient_id == "P-1"
            after.learn("a", [match("1.1", "P-2")])
            assert studies.of_study("a", "1.1").patient_id == "P-2"
        before.restart()
        before.learn_pacs("a", "1.1", ("main",))
        assert studies.of_study("a", "1.1").pacs == "main"
