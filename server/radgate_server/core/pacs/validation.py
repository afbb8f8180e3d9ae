"""Whether a PACS is fit for use: what was checked before it was saved, and how that ended."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class CheckOutcome(StrEnum):
    """How one check ended. A warning does not keep a PACS from being saved, a failure does."""

    PASSED = "passed"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a check ended, and what is reported to a person."""

    outcome: CheckOutcome
    message: str


def passed(message: str) -> Verdict:
    """All is well."""
    return Verdict(CheckOutcome.PASSED, message)


def warning(message: str) -> Verdict:
    """Usable, with a reservation."""
    return Verdict(CheckOutcome.WARNING, message)


def failed(message: str) -> Verdict:
    """Not usable."""
    return Verdict(CheckOutcome.FAILED, message)


def skipped(message: str) -> Verdict:
    """Not looked at, or not to be known."""
    return Verdict(CheckOutcome.SKIPPED, message)


@dataclass(frozen=True, slots=True)
class Check:
    """One check: "connectivity", "credentials", "query", "latency", "retrieve" or "transfer-syntaxes".

    `message` says for a person what was found and, when it is not good, what to do; it holds no patient data.
    """

    name: str
    outcome: CheckOutcome
    message: str
    duration_ms: float


@dataclass(frozen=True, slots=True)
class ValidationReport:
    """All checks of one validation, in the order in which they were made."""

    time: datetime
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return all(check.outcome is not CheckOutcome.FAILED for check in self.checks)
