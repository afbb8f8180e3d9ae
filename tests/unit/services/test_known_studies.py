"""Whose study it is, by what searches told."""

from radgate_server.services.patients import KnownPatients


def match(study: str, patient: str | None) -> dict[str, object]:
    return {"0020000D": {"vr": "UI", "Value": [study]}, "00100020": {"vr": "LO", "Value": [patient] if patient else []}}


def test_a_study_has_the_patient_that_a_search_told() -> None:
    patients = KnownPatients()
    patients.learn("a", [match("1.1", "P-1"), match("1.2", None), {}])
    assert patients.of_study("a", "1.1") == "P-1"
    assert [patients.of_study(*place) for place in (("a", "1.2"), ("b", "1.1"), ("a", ""))] == ["", "", ""]


def test_those_used_last_are_kept() -> None:
    patients = KnownPatients(max_studies=2)
    patients.learn("a", [match("1.1", "P-1"), match("1.2", "P-2")])
    assert patients.of_study("a", "1.1") == "P-1"
    patients.learn("a", [match("1.3", "P-3")])
    assert [patients.of_study("a", f"1.{n}") for n in (1, 2, 3)] == ["P-1", "", "P-3"]
