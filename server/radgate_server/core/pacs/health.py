"""How a PACS is doing, as the server that talks to it sees it, and how the server itself is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Health(StrEnum):
    """What the last probes said."""

    UNKNOWN = "unknown"
    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Liveness:
    """What the work at a PACS reports of it, in seconds of a clock that only grows.

    `heard_at_s` is when it last answered or sent anything, None if it never did. Since then, somebody has waited for an
    answer that takes a PACS a moment (to a query, an echo, a look at its changes) for `silent_s` seconds.
    """

    heard_at_s: float | None = None
    silent_s: float = 0.0


def health_by_liveness(liveness: Liveness, *, asked_at_s: float, patience_s: float) -> Health:
    """How a PACS is doing that could not be asked since `asked_at_s`, for want of a place among those at work there.

    It is up if any of them has heard of it since, down if they have waited for `patience_s` seconds in vain. Else
    nothing is known: all places may be held by us.
    """
    if liveness.heard_at_s is not None and liveness.heard_at_s >= asked_at_s:
        return Health.UP
    return Health.DOWN if liveness.silent_s >= patience_s else Health.UNKNOWN


class BreakerState(StrEnum):
    """A circuit breaker: calls pass; none pass; a few pass to see whether it works again."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, slots=True)
class OperationState:
    """One operation ("echo", "find", "retrieve", "store", "changes") at one PACS."""

    operation: str
    breaker: BreakerState
    consecutive_failures: int


@dataclass(frozen=True, slots=True)
class PacsStatus:
    """One PACS at `time`. `reason` is the last probe's failure by the error catalogue, "" when it answered.

    `latency_ms` is the last answered probe's. `active` reports whether the PACS is the one of its group that is asked.
    """

    tenant_id: str
    name: str
    time: datetime
    health: Health
    latency_ms: float
    reason: str
    active: bool
    operations: tuple[OperationState, ...]


@dataclass(frozen=True, slots=True)
class ServerHealth:
    """Whether the process works at all, and whether calls can be served.

    `problems` has every part that was looked at by its name, with what is wrong and what to do, or "".
    """

    alive: bool
    ready: bool
    problems: Mapping[str, str]
