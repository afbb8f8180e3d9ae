"""A study that will soon be read, as whoever expects it describes it. Pure decisions."""

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from radgate_server.core.prefetch.priors import PriorStudy


@dataclass(frozen=True, slots=True)
class ExpectedStudy:
    """Whose study it is and what is known of it; it may be in no PACS yet.

    Without a `patient_id` the PACS are asked for the one of `study_instance_uid`. `study_date` is the day for which it
    is scheduled. `event_id` is the same whenever the same is reported again: an Accession Number (0008,0050), the
    number of an order; "" where the study itself is what is reported.
    """

    patient_id: str = field(repr=False)
    event_id: str = field(default="", repr=False)
    study_date: date | None = None
    modalities: frozenset[str] = frozenset()
    body_parts: frozenset[str] = frozenset()
    description: str = field(default="", repr=False)
    study_instance_uid: str = ""

    @property
    def identity(self) -> str:
        """What tells it from all others of its tenant: of the event, else of the study, else of patient and day."""
        return self.event_id or self.study_instance_uid or f"{self.patient_id}\n{self.study_date}"


def read_as(expected: ExpectedStudy, known: PriorStudy | None, today: date) -> PriorStudy:
    """The study as rules compare it with others: as it is expected, completed from what a PACS has of it.

    Without a day it is taken to be one of today.
    """
    known = known or PriorStudy(expected.study_instance_uid)
    return PriorStudy(
        expected.study_instance_uid,
        expected.study_date or known.study_date or today,
        expected.modalities or known.modalities,
        expected.body_parts or known.body_parts,
        expected.description or known.description,
    )


def is_recent(study_date: date | None, today: date, days: int) -> bool:
    """Whether a study is of the last `days` days or of the next ones, at most as many away.

    What a PACS is filled with from another is not.
    """
    return study_date is not None and abs((today - study_date).days) <= days


class TriggerOutcome(StrEnum):
    """What became of an event that may set rules off."""

    SUBMITTED = "submitted"
    """A job fetches the priors."""
    NO_PRIORS = "no-priors"
    """The rules chose none."""
    NO_RULE = "no-rule"
    """No enabled rule of the tenant has this trigger: the PACS were asked nothing."""
    NOT_RECENT = "not-recent"
    """The study is an old one, that was copied into a PACS perhaps."""
    REPEATED = "repeated"
    """It was reported before on the same day."""
    DROPPED = "dropped"
    """Too many waited."""
    FAILED = "failed"
    """It was tried a few times in vain."""
