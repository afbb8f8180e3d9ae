"""Which PACS of a group (a primary and its backups) does the work, and why that changed."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class TransitionCause(StrEnum):
    """Why the work went from one PACS to another."""

    AUTOMATIC_FAILOVER = "automatic-failover"
    MANUAL_FAILOVER = "manual-failover"
    AUTOMATIC_FAILBACK = "automatic-failback"
    MANUAL_FAILBACK = "manual-failback"


@dataclass(frozen=True, slots=True)
class Transition:
    """One change of the active PACS of the group whose primary is `primary`.

    `reason` says more by the error catalogue ("PACS_UNREACHABLE"), or names who did it by hand.
    """

    time: datetime
    tenant_id: str
    primary: str
    from_pacs: str
    to_pacs: str
    cause: TransitionCause
    reason: str


@dataclass(frozen=True, slots=True)
class ActivePacs:
    """The PACS that does the work of a group, since when, and whether an operator chose it (then it stays)."""

    tenant_id: str
    primary: str
    active: str
    since: datetime
    by_hand: bool
