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

    `latency_ms` is the last answered probe's. `active` tells whether the PACS is the one of its group that is asked.
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
