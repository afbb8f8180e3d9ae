"""Which PACS of a group (a primary and its backups) does the work, and why that changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from radgate_server.core import errors
from radgate_server.core.errors import InvalidArgumentError, PacsError
from radgate_server.core.pacs.connections import FailoverPolicy, PacsConfig
from radgate_server.core.pacs.health import Health

MAX_FAILOVER_THRESHOLD = 100
SIGN_OF_LIFE = "echo"
"""The operation by which a PACS is judged that is not active, and therefore does no other work."""

UNAVAILABLE: tuple[type[PacsError], ...] = (
    errors.PacsUnreachableError,
    errors.PacsTlsFailedError,
    errors.PacsRejectedError,
    errors.PacsTimeoutError,
    errors.PacsAbortedError,
    errors.PacsCredentialsError,
    errors.PacsCircuitOpenError,
    errors.SecretUnavailableError,
)
"""Failures that count towards a failover; a PACS that answers with another failure works, as does one that is busy."""


def check_failover(policy: FailoverPolicy) -> FailoverPolicy:
    """Return the policy if its numbers are usable. Raises InvalidArgumentError, naming the first that is not."""
    if not 1 <= policy.threshold <= MAX_FAILOVER_THRESHOLD:
        raise InvalidArgumentError("failover.threshold", f"must be from 1 to {MAX_FAILOVER_THRESHOLD}")
    if not 0 <= policy.failback_after_s <= 86_400:
        raise InvalidArgumentError("failover.failback_after", "must be from 0 to 86400 seconds")
    return policy


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


@dataclass(frozen=True, slots=True)
class Group:
    """A primary and its backups, in order of precedence (the primary first), under the primary's policy."""

    tenant_id: str
    primary: str
    members: tuple[str, ...]
    policy: FailoverPolicy


@dataclass(frozen=True, slots=True)
class MemberHealth:
    """What is known of one PACS of a group.

    `failed` counts failures in a row for each operation, since success at one says little of another: a PACS may answer
    C-ECHO while its database is down, and C-FIND while its storage is. `well_since_s` is when it began to do well, on a
    clock in seconds that only grows; None while it fails or nothing is known.
    """

    failed: Mapping[str, int] = field(default_factory=dict)
    well_since_s: float | None = None

    @property
    def failures(self) -> int:
        """Failures that no success has taken back, of all operations."""
        return sum(self.failed.values())

    @property
    def health(self) -> Health:
        """In one word."""
        if self.failures:
            return Health.DOWN
        return Health.UNKNOWN if self.well_since_s is None else Health.UP

    def after(self, operation: str, *, answered: bool, now_s: float) -> "MemberHealth":
        """What is known once the operation was answered, or was not."""
        failed = {**self.failed, operation: 0 if answered else self.failed.get(operation, 0) + 1}
        if any(failed.values()):
            return MemberHealth(failed)
        return MemberHealth(failed, now_s if self.well_since_s is None else self.well_since_s)

    def after_leaving(self) -> "MemberHealth":
        """What is known when another PACS becomes active: nobody asks for work any more, so health checks must do."""
        return MemberHealth({SIGN_OF_LIFE: self.failures}, self.well_since_s)


UNKNOWN_HEALTH = MemberHealth()


@dataclass(frozen=True, slots=True)
class Switch:
    """What is to be done: make another PACS active."""

    to_pacs: str
    cause: TransitionCause


def decide(group: Group, chosen: ActivePacs | None, health: Mapping[str, MemberHealth], now_s: float) -> Switch | None:
    """What the policy wants done now; None when all stays as it is.

    The active PACS is left when it has failed `threshold` times in a row and another one is not known to be down; the
    first such in order of precedence takes over. The primary gets its work back once it has done well for
    `failback_after_s` seconds, unless an operator chose the active one: that choice stays until they fail back, or
    until the chosen one fails. A disabled policy wants nothing.
    """
    if not group.policy.enabled:
        return None
    active = active_of(group, chosen)
    if health.get(active, UNKNOWN_HEALTH).failures >= group.policy.threshold:
        others = (name for name in group.members if name != active)
        well = next((name for name in others if health.get(name, UNKNOWN_HEALTH).health is not Health.DOWN), None)
        return None if well is None else Switch(well, _cause(group, well))
    if active == group.primary or (chosen is not None and chosen.by_hand):
        return None
    well_since_s = health.get(group.primary, UNKNOWN_HEALTH).well_since_s
    if well_since_s is None or now_s - well_since_s < group.policy.failback_after_s:
        return None
    return Switch(group.primary, TransitionCause.AUTOMATIC_FAILBACK)


def active_of(group: Group, chosen: ActivePacs | None) -> str:
    """The name of the PACS that does the work: the one that was chosen if it is (still) a member, else the primary."""
    return chosen.active if chosen is not None and chosen.active in group.members else group.primary


def preference_order(group: Group, chosen: ActivePacs | None, health: Mapping[str, MemberHealth]) -> tuple[str, ...]:
    """Whom to ask one after the other until one answers: the active one, the others, last those known to be down.

    Under a disabled policy nobody but the active one is asked.
    """
    active = active_of(group, chosen)
    if not group.policy.enabled:
        return (active,)
    others = [name for name in group.members if name != active]
    others.sort(key=lambda name: health.get(name, UNKNOWN_HEALTH).health is Health.DOWN)
    return (active, *others)


def store_target(group: Group, chosen: ActivePacs | None) -> str:
    """Where new instances go: to the primary, or to a backup that an operator chose.

    Not to one that took over by itself: what it gets, the primary would lack when it is back.
    """
    return active_of(group, chosen) if chosen is not None and chosen.by_hand else group.primary


def groups_of(configs: Sequence[PacsConfig]) -> tuple[Group, ...]:
    """The groups of a tenant's PACS, given in order of precedence; a primary without backups is a group of one."""
    return tuple(
        Group(
            primary.tenant_id,
            primary.name,
            (primary.name, *(config.name for config in configs if config.backup_for == primary.name)),
            primary.failover,
        )
        for primary in configs
        if not primary.backup_for
    )


def _cause(group: Group, to_pacs: str) -> TransitionCause:
    back = to_pacs == group.primary
    return TransitionCause.AUTOMATIC_FAILBACK if back else TransitionCause.AUTOMATIC_FAILOVER


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
