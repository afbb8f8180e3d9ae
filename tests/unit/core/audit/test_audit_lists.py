"""Lists of studies and patients that searches show, as the audit trail records them."""

from radgate_server.core.audit.retention import HoldList, HoldSubject, LegalHold, Traces
from radgate_server.core.audit.studies_of_matches import list_of
from radgate_server.core.audit.studies_shown import NOTHING_SHOWN, STUDIES_PER_RECORD, from_bytes, pairs_in, parts_of
from radgate_server.core.dicom.data_sets import DicomJson
from tests.conformance.directory_suite import NOW


def match(study: str, patient: str | None = None) -> DicomJson:
    found: DicomJson = {"0020000D": {"vr": "UI", "Value": [study]}}
    return found if patient is None else {**found, "00100020": {"vr": "LO", "Value": [patient]}}


def test_a_list_has_each_study_once_with_the_patient_that_any_match_names() -> None:
    shown = list_of([match("1.2"), match("1.3", "Ä"), match("1.2", "P-1"), {}])
    assert shown.pairs == [("1.2", "P-1"), ("1.3", "Ä")]
    assert from_bytes(shown.to_bytes()) == shown
    assert list_of([match("1.2", "P-1"), match("1.3", "Ä")]).digest == shown.digest
    assert list_of([match("1.2", "P-2"), match("1.3", "Ä")]).digest != shown.digest


def test_nothing_is_a_list_too() -> None:
    assert list_of([]) == NOTHING_SHOWN
    assert from_bytes(NOTHING_SHOWN.to_bytes()) == NOTHING_SHOWN
    assert NOTHING_SHOWN.pairs == []


def test_what_would_separate_values_is_in_none() -> None:
    shown = list_of([match("1.2", "P\\1\t2\n3")])
    assert shown.pairs == [("1.2", "P 1 2 3")]


def test_long_lists_have_several_records() -> None:
    pairs = [(f"1.2.{number}", f"P-{number}") for number in range(2 * STUDIES_PER_RECORD + 1)]
    parts = [*parts_of("d", pairs)]
    assert [part.detail for part in parts] == [
        "list d: studies 1 to 100 of 201",
        "list d: studies 101 to 200 of 201",
        "list d: studies 201 to 201 of 201",
    ]
    assert [pair for part in parts for pair in pairs_in(part.studies, part.patients)] == pairs


def test_one_patient_goes_with_all_studies() -> None:
    assert pairs_in("1.2\\1.3", "P-1") == [("1.2", "P-1"), ("1.3", "P-1")]


def test_a_hold_of_a_listed_patient_or_study_keeps_the_list() -> None:
    traces = Traces("P-1\\P-2", "1.2\\1.3", ())

    def held(subject: HoldSubject, value: str) -> bool:
        return HoldList([LegalHold("id", "a", subject, value, "why", "who", NOW)], {}).hold(traces)

    assert held(HoldSubject.PATIENT, "P-2")
    assert held(HoldSubject.STUDY, "1.2")
    assert not held(HoldSubject.PATIENT, "P-3")
    assert not held(HoldSubject.STUDY, "1.2\\1.3")
