"""The feed of changes, and what has gone without a word."""

from typing import Any

import pytest

from radgate_server.adapters.pacs.orthanc.feed import Counts, read_counts, read_page, removals, studies_of
from radgate_server.adapters.pacs.orthanc.known_studies import KnownStudies
from radgate_server.adapters.pacs.orthanc.resource_ids import resource_id
from radgate_server.core.pacs.labels import StudyLabels
from radgate_server.core.pacs.ports import StudyChange


def row(kind: str, level: str, resource: str) -> dict[str, Any]:
    return {"ChangeType": kind, "ResourceType": level, "ID": resource, "Seq": 1}


def test_a_page_of_the_feed() -> None:
    rows = [
        row("NewInstance", "Instance", "i1"),
        row("NewSeries", "Series", "s1"),
        row("NewStudy", "Study", "st1"),
        row("NewPatient", "Patient", "p1"),
        row("NewInstance", "Instance", "i2"),
        row("StableStudy", "Study", "st1"),
        row("StableSeries", "Series", "s1"),
    ]
    page = read_page({"Changes": rows, "Last": 7, "Done": False})
    assert page.touched == ("i1", "s1", "st1", "i2")
    assert page.new == Counts(studies=1, instances=2)
    assert (page.last, page.done) == (7, False)


@pytest.mark.parametrize("answer", [{}, [], {"Changes": [{}], "Last": 1, "Done": True}, {"Changes": [], "Last": "x"}])
def test_what_is_no_page(answer: Any) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        read_page(answer)


def test_what_went_is_what_is_missing_from_the_sum() -> None:
    before = read_counts({"CountStudies": 10, "CountInstances": 100})
    now = read_counts({"CountStudies": 10, "CountInstances": 95})
    assert before.plus(Counts(1, 5)).minus(now) == Counts(1, 10)


@pytest.mark.parametrize(
    ("gone", "missing", "updated", "any_other"),
    [
        (Counts(1, 5), ["1.2"], [], False),
        (Counts(2, 5), ["1.2"], [], True),
        (Counts(1, 5), [], ["1.3"], True),
        (Counts(0, 1), [], ["1.3"], False),
        (Counts(0, 1), [], [], True),
    ],
)
def test_what_is_not_accounted_for_may_be_any_study(
    gone: Counts, missing: list[str], updated: list[str], any_other: bool
) -> None:
    reported = removals(gone, missing, updated)
    assert [change for change in reported if change.study_instance_uid] == [
        *(StudyChange(uid, removed=True) for uid in missing),
        *(StudyChange(uid, removed=not gone.studies, doubtful=bool(gone.studies)) for uid in updated),
    ]
    assert (StudyChange("", removed=True) in reported) is any_other


def test_studies_of_resources() -> None:
    row = {"ID": "a", "MainDicomTags": {"0020,000d": "1.2"}, "LastUpdate": "20260101T000000"}
    assert studies_of([row], StudyLabels()) == {"a": ("1.2", "20260101T000000")}
    labelled = [row | {"Labels": ["mine", "other"]}, row | {"ID": "b", "Labels": ["other"]}, row | {"ID": "c"}]
    assert list(studies_of(labelled, StudyLabels(("mine",)))) == ["a"]


def test_the_studies_named_last_are_known() -> None:
    known = KnownStudies(most=2)
    for resource, uid in (("a", "1.1"), ("b", "1.2"), ("a", "1.1"), ("c", "1.3"), ("d", "")):
        known.add(resource, uid)
    assert known.all() == {"a": "1.1", "c": "1.3"}
    known.forget(["a", "z"])
    assert known.all() == {"c": "1.3"}


def test_ids_are_what_orthanc_makes_of_patient_and_uids() -> None:
    assert resource_id("B", "1.2.77") == "a251971c-7b9ae3cd-19360769-4d073683-96612430"
    assert resource_id("ä", "1.2.77") == "c542f5fc-d639bd8d-27de7266-7fb8813d-71a8c4a0"
    assert resource_id("B", "1.2.77", "1.2.77.1", "1.2.77.1.0") == "5b5f476f-b6da914c-68297cda-abba911d-8ceef268"
