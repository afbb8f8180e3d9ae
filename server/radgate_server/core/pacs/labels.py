"""Labels of studies, by which one Orthanc serves several tenants."""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum

from radgate_server.core.errors import InvalidArgumentError

MAX_LABELS = 32
_LABEL = re.compile(r"[A-Za-z0-9_-]{1,64}")


class LabelsConstraint(StrEnum):
    """Which of the labels a study carries that is seen."""

    ALL = "all"
    ANY = "any"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class StudyLabels:
    """The studies that are seen, by their labels; without `names`, all studies."""

    names: tuple[str, ...] = ()
    constraint: LabelsConstraint = LabelsConstraint.ALL

    def admit(self, carried: Collection[str]) -> bool:
        """Whether a study that carries these labels is seen."""
        return not self.names or _ADMIT[self.constraint](frozenset(self.names), frozenset(carried))

    @property
    def of_new_studies(self) -> tuple[str, ...]:
        """What a study needs to be seen, and no label more: each may show it to others too."""
        return _OF_NEW_STUDIES[self.constraint](self.names)


_ADMIT: dict[LabelsConstraint, Callable[[frozenset[str], frozenset[str]], bool]] = {
    LabelsConstraint.ALL: lambda names, carried: names <= carried,
    LabelsConstraint.ANY: lambda names, carried: not names.isdisjoint(carried),
    LabelsConstraint.NONE: lambda names, carried: names.isdisjoint(carried),
}
_OF_NEW_STUDIES: dict[LabelsConstraint, Callable[[tuple[str, ...]], tuple[str, ...]]] = {
    LabelsConstraint.ALL: lambda names: names,
    LabelsConstraint.ANY: lambda names: names[:1],
    LabelsConstraint.NONE: lambda _: (),
}


def check_labels(labels: StudyLabels, field_name: str) -> None:
    """Refuse what no study can carry. Raises InvalidArgumentError, naming `field_name`."""
    if len(labels.names) > MAX_LABELS:
        raise InvalidArgumentError(field_name, f"must be {MAX_LABELS} labels at most")
    if not all(map(_LABEL.fullmatch, labels.names)):
        raise InvalidArgumentError(field_name, "a label has 1 to 64 letters, digits, underscores and hyphens (ASCII)")
