"""Orthanc's feed of changes, and what its statistics add: pure decisions.

The feed reports what came, and never what went: a deleted resource vanishes from it. But what is held now is what was
held, and what came since, without what went.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from radgate_server.core.pacs.labels import StudyLabels
from radgate_server.core.pacs.ports import StudyChange

_TOUCHES = frozenset(
    (
        "NewStudy",
        "NewSeries",
        "NewInstance",
        "StableStudy",
        "UpdatedAttachment",
        "UpdatedMetadata",
    )
)
_LEVELS = frozenset(("Study", "Series", "Instance"))


@dataclass(frozen=True, slots=True)
class Counts:
    """How many studies and instances there are, or came, or went."""

    studies: int = 0
    instances: int = 0

    def plus(self, other: "Counts") -> "Counts":
        """The sum."""
        return Counts(self.studies + other.studies, self.instances + other.instances)

    def minus(self, other: "Counts") -> "Counts":
        """The difference."""
        return Counts(self.studies - other.studies, self.instances - other.instances)


@dataclass(frozen=True, slots=True)
class Page:
    """A part of the feed. `touched` are ids of the studies, series and instances that something happened to."""

    touched: tuple[str, ...]
    new: Counts
    last: int
    done: bool


def read_page(answer: Any) -> Page:
    """Read the answer to /changes. Raises KeyError, TypeError, ValueError."""
    rows = answer["Changes"]
    touched = (str(row["ID"]) for row in rows if row["ChangeType"] in _TOUCHES and row["ResourceType"] in _LEVELS)
    kinds = [row["ChangeType"] for row in rows]
    new = Counts(kinds.count("NewStudy"), kinds.count("NewInstance"))
    return Page(tuple(dict.fromkeys(touched)), new, int(answer["Last"]), bool(answer["Done"]))


def read_counts(answer: Any) -> Counts:
    """Read the answer to /statistics. Raises KeyError, TypeError, ValueError."""
    return Counts(int(answer["CountStudies"]), int(answer["CountInstances"]))


def removals(gone: Counts, missing: Iterable[str], updated: Iterable[str]) -> tuple[StudyChange, ...]:
    """What to report when `gone` went: known studies that are `missing`, and those that are still there and `updated`.

    An instance that is overwritten counts as one that went and one that came.

    When these don't account for it, it was of a study that was never named here: "", which is any.
    """
    removed = [StudyChange(uid, removed=True) for uid in missing]
    of_studies = gone.studies > 0  # then the instances may all have been of these
    changed = [StudyChange(uid, removed=not of_studies, doubtful=of_studies) for uid in updated]
    accounted = len(removed) >= gone.studies and (removed or changed)
    return (*removed, *changed) if accounted else (*removed, *changed, StudyChange("", removed=True))


def studies_of(answer: Any, labels: StudyLabels) -> dict[str, tuple[str, str]]:
    """Read the studies that are seen out of /tools/bulk-content: id -> Study Instance UID and its last update."""
    seen = (row for row in answer if labels.admit(row.get("Labels") or ()))
    return {str(row["ID"]): (str(row["MainDicomTags"]["0020,000d"]), _last_update(row)) for row in seen}


def _last_update(row: Mapping[str, Any]) -> str:
    return str(row.get("LastUpdate") or "")
