"""A circuit breaker: asks no more of a PACS that fails and fails, and tries it again with one call at a time.

            failures in a row                 the time is up
    CLOSED ───────────────────▶ OPEN ───────────────────────────▶ HALF_OPEN ── one call passes, others don't
       ▲                         ▲                                    │
       │                         └── it fails: open for twice as long ┤
       └──────────────────────────── it is answered ──────────────────┘

No I/O, no clock: the time, in seconds that only grow, is given with each call.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NewType

from radgate_server.core.pacs.health import BreakerState
from radgate_server.services.pacs.resilience.operations import Verdict

Ticket = NewType("Ticket", int)
"""Permission to call. It holds as long as the breaker does not change its state."""

LONGEST_OPEN = 8
"""The open time grows to at most this many times the first one."""

PROBE_WAIT_S = 1.0
"""What to answer those who come while one call tries: it may take any time, but most calls are short."""


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """Opens after `failures` in a row (None: never), at first for `open_s` seconds."""

    failures: int | None
    open_s: float

    def opens_for_s(self, reopenings: int) -> float:
        """Seconds that it stays open after it was found not to work this many times in a row."""
        return self.open_s * min(1 << min(reopenings, LONGEST_OPEN), LONGEST_OPEN)


class Breaker:
    """One circuit. `changed` receives each new state."""

    def __init__(self, policy: BreakerPolicy, changed: Callable[[BreakerState], None]) -> None:
        self._policy = policy
        self._changed = changed
        self._state = BreakerState.CLOSED
        self._ticket = Ticket(0)
        self._failures = 0
        self._reopenings = 0
        self._retry_at_s = 0.0
        self._probing = False

    @property
    def state(self) -> BreakerState:
        """Where it is; OPEN also when its time is up and nobody has come since."""
        return self._state

    @property
    def consecutive_failures(self) -> int:
        """Failures since the last answer."""
        return self._failures

    def refusal_s(self, now_s: float) -> float | None:
        """Seconds after which to come again; None when a call would pass now."""
        if self._state is BreakerState.OPEN and now_s < self._retry_at_s:
            return self._retry_at_s - now_s
        return PROBE_WAIT_S if self._probing else None

    def enter(self, now_s: float) -> Ticket | None:
        """Let a call pass, or not. Each ticket is given back with `record`."""
        if self.refusal_s(now_s) is not None:
            return None
        if self._state is not BreakerState.CLOSED:
            self._become(BreakerState.HALF_OPEN)
            self._probing = True
        return self._ticket

    def confirm_alive(self, ticket: Ticket) -> Ticket:
        """The call continues for long, and has been answered: if it was the one that tries, others may pass now.

        Returns the ticket to continue with.
        """
        if ticket == self._ticket and self._probing:
            self._close()
            return self._ticket
        return ticket

    def record(self, ticket: Ticket, verdict: Verdict, now_s: float) -> None:
        """The call has ended. What began before the last change of state says nothing about now."""
        if ticket != self._ticket:
            return
        if verdict is Verdict.ANSWERED:
            self._close()
        elif verdict is Verdict.FAILED:
            self._fail(now_s)
        self._probing = False

    def try_soon(self, now_s: float) -> None:
        """There is reason to believe that the PACS is back: the next call may try."""
        self._retry_at_s = min(self._retry_at_s, now_s)

    def _fail(self, now_s: float) -> None:
        self._failures += 1
        if self._state is BreakerState.HALF_OPEN:
            self._reopenings += 1
        elif self._policy.failures is None or self._failures < self._policy.failures:
            return
        self._retry_at_s = now_s + self._policy.opens_for_s(self._reopenings)
        self._become(BreakerState.OPEN)

    def _close(self) -> None:
        self._failures = self._reopenings = 0
        if self._state is not BreakerState.CLOSED:
            self._become(BreakerState.CLOSED)

    def _become(self, state: BreakerState) -> None:
        self._ticket = Ticket(self._ticket + 1)
        self._probing = False
        if state is not self._state:
            self._state = state
            self._changed(state)
