"""Which studies of a patient are worth fetching beside the one that is read. Pure decisions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Protocol

from radgate_server.core.dicom.identifiers import parse_slug
from radgate_server.core.errors import InvalidArgumentError

MAX_LAST = 50
DEFAULT_LAST = 3
MAX_AGE_DAYS = 36_500


class Trigger(StrEnum):
    """What may set a rule off besides a call (ADR 73)."""

    ARRIVAL = "arrival"
    """A PACS reports a study of the last days."""
    WORKLIST = "worklist"
    """A scheduled procedure step of a modality worklist."""
    ORDER = "order"
    """An order or appointment by HL7 v2."""


@dataclass(frozen=True, slots=True)
class PriorRule:
    """At most `last` studies of the patient, the newest first, that are as old as the one that is read or older.

    `same_modality`: they have a modality in common with it. `same_body_part`: a Body Part Examined; where the PACS has
    none for either, their descriptions are alike. None is more than `max_age_days` days older, 0 for any age. Where it
    is enabled it applies to calls that name no rule, and to the `triggers`.
    """

    name: str
    last: int = DEFAULT_LAST
    max_age_days: int = 0
    same_modality: bool = False
    same_body_part: bool = False
    enabled: bool = False
    triggers: frozenset[Trigger] = frozenset()

    def is_set_off_by(self, trigger: Trigger) -> bool:
        """Whether it applies to what the trigger reports."""
        return self.enabled and trigger in self.triggers


def checked(rule: PriorRule) -> PriorRule:
    """The rule. Raises InvalidArgumentError, which names the field, when it is none."""
    parse_slug(rule.name, "rule.name")
    if not 1 <= rule.last <= MAX_LAST:
        raise InvalidArgumentError("rule.last", f"must be from 1 to {MAX_LAST}")
    if not 0 <= rule.max_age_days <= MAX_AGE_DAYS:
        raise InvalidArgumentError("rule.max_age_days", f"must be from 1 to {MAX_AGE_DAYS}, or 0 for any age")
    return rule


@dataclass(frozen=True, slots=True)
class PriorStudy:
    """What rules look at, empty for what the PACS does not have.

    Study Date (0008,0020), Modalities in Study (0008,0061), Body Part Examined (0018,0015) of its series, Study
    Description (0008,1030).
    """

    study_instance_uid: str
    study_date: date | None = None
    modalities: frozenset[str] = frozenset()
    body_parts: frozenset[str] = frozenset()
    description: str = field(default="", repr=False)


def priors(rule: PriorRule, read: PriorStudy, of_patient: Iterable[PriorStudy]) -> Sequence[PriorStudy]:
    """Those that the rule chooses beside the one that is read, the newest first."""
    chosen = [study for study in of_patient if _is_chosen(rule, read, study)]
    chosen.sort(key=lambda study: (study.study_date or date.min, study.study_instance_uid), reverse=True)
    return chosen[: rule.last]


def priors_by(rules: Iterable[PriorRule], read: PriorStudy, of_patient: Sequence[PriorStudy]) -> Sequence[str]:
    """The Study Instance UIDs that any of the rules chooses, in the order of the rules, each once."""
    chosen = (prior for rule in rules for prior in priors(rule, read, of_patient))
    return tuple(dict.fromkeys(prior.study_instance_uid for prior in chosen))


def _is_chosen(rule: PriorRule, read: PriorStudy, study: PriorStudy) -> bool:
    return (
        study.study_instance_uid != read.study_instance_uid
        and _is_of_age(rule, read.study_date, study.study_date)
        and (not rule.same_modality or not read.modalities.isdisjoint(study.modalities))
        and (not rule.same_body_part or _is_alike(read, study))
    )


def _is_of_age(rule: PriorRule, read: date | None, study: date | None) -> bool:
    if read is None or study is None:
        return not rule.max_age_days
    return study <= read and (not rule.max_age_days or read - study <= timedelta(days=rule.max_age_days))


def _is_alike(read: PriorStudy, study: PriorStudy) -> bool:
    if read.body_parts and study.body_parts:
        return not read.body_parts.isdisjoint(study.body_parts)
    mine, other = read.description.casefold().split(), study.description.casefold().split()
    return bool(mine) and mine == other


class PriorRules(Protocol):
    """The rules of each tenant. All methods raise DatabaseUnavailableError."""

    async def put(self, tenant_id: str, rule: PriorRule) -> None:
        """Add it, or put it in place of the one of that name. Raises ResourceNotFoundError for no such tenant."""
        ...

    async def list_rules(self, tenant_id: str) -> Sequence[PriorRule]:
        """The tenant's, by name."""
        ...

    async def delete(self, tenant_id: str, name: str) -> None:
        """Remove it. Raises ResourceNotFoundError."""
        ...
