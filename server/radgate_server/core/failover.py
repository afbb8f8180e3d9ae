"""Which PACS of a group (a primary and its backups) does the work, and why that changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from radgate_server.core.errors import InvalidArgumentError


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


def check_backup_for(name: str, backup_for: str, others: Mapping[str, str]) -> None:
    """Make sure that the tenant's PACS form groups of one primary and its backups.

    `others` are the tenant's other PACS by name, with their `backup_for`; "" stands for a primary.

    Raises:
        InvalidArgumentError: naming `backup_for`.
    """
    if not backup_for:
        return
    if backup_for == name:
        raise InvalidArgumentError("backup_for", "a PACS is no backup for itself")
    if backup_for not in others:
        raise InvalidArgumentError("backup_for", "the tenant has no PACS of this name")
    if others[backup_for]:
        raise InvalidArgumentError("backup_for", "this PACS is itself a backup; name the primary")
    if name in others.values():
        raise InvalidArgumentError("backup_for", "other PACS are backups for this one; it can't be a backup itself")


def check_has_no_backups(name: str, others: Mapping[str, str]) -> None:
    """Make sure that no PACS loses its primary. Raises InvalidArgumentError while one is a backup for `name`."""
    if name in others.values():
        raise InvalidArgumentError("name", "other PACS are backups for this one; delete or change them first")
