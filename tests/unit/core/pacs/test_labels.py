"""Which studies are seen by their labels, and what a new one gets."""

import pytest

from radgate_server.core.pacs.labels import LabelsConstraint, StudyLabels

ALL, ANY, NONE = LabelsConstraint


@pytest.mark.parametrize(
    ("constraint", "seen"),
    [
        (ALL, {"ab", "abc"}),
        (ANY, {"a", "b", "ab", "abc"}),
        (NONE, {"", "c"}),
    ],
)
def test_a_study_is_seen_by_the_labels_that_it_carries(constraint: LabelsConstraint, seen: set[str]) -> None:
    labels = StudyLabels(("a", "b"), constraint)
    assert {carried for carried in ("", "a", "b", "c", "ab", "abc") if labels.admit(carried)} == seen


@pytest.mark.parametrize("constraint", LabelsConstraint)
def test_without_labels_all_are_seen(constraint: LabelsConstraint) -> None:
    assert StudyLabels((), constraint).admit(())
    assert StudyLabels((), constraint).admit(("a",))
    assert StudyLabels((), constraint).of_new_studies == ()


@pytest.mark.parametrize(("constraint", "given"), [(ALL, ("a", "b")), (ANY, ("a",)), (NONE, ())])
def test_a_new_study_gets_what_it_needs_to_be_seen(constraint: LabelsConstraint, given: tuple[str, ...]) -> None:
    labels = StudyLabels(("a", "b"), constraint)
    assert labels.of_new_studies == given
    assert labels.admit(given)
