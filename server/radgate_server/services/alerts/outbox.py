"""What waits to be delivered to one receiver: bounded, in order, at most so many an hour. Pure: no I/O."""

from collections import deque
from dataclasses import dataclass

from radgate_server.core.alerts.alert import AlertState, Notice

MAX_WAITING = 256
HOUR_S = 3600.0


@dataclass(slots=True, eq=False)
class Waiting:
    """A notice, how often its delivery failed, when it is due, and whether it is being delivered at this moment."""

    notice: Notice
    failures: int = 0
    due_s: float = 0.0
    in_progress: bool = False

    @property
    def is_unattempted(self) -> bool:
        """Whether the receiver can't know of it: of a delivery that failed, it may."""
        return not self.in_progress and not self.failures


class Outbox:
    """Of an alert that ends before a delivery of its beginning was tried, nothing is reported any more."""

    def __init__(self, *, per_hour: int, max_waiting: int = MAX_WAITING) -> None:
        self._per_hour = per_hour
        self._max_waiting = max_waiting
        self._waiting: deque[Waiting] = deque()
        self._sent_s: deque[float] = deque()

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def put(self, notice: Notice) -> int:
        """Add one; returns how many of the oldest were dropped for it."""
        unsent = [each for each in self._waiting if each.notice.alert.key == notice.alert.key and not each.in_progress]
        for each in unsent:
            self._waiting.remove(each)
        if notice.state is AlertState.RESOLVED and any(
            each.is_unattempted and not each.notice.again for each in unsent
        ):
            return 0
        self._waiting.append(Waiting(notice))
        dropped = max(0, len(self._waiting) - self._max_waiting)
        for _ in range(dropped):
            self._waiting.popleft()
        return dropped

    def due(self, now_s: float) -> Waiting | None:
        """The one to be delivered now; it is still here, until it is `done`."""
        if self._allowed_s(now_s) > now_s:
            return None
        return next((waiting for waiting in self._waiting if waiting.due_s <= now_s), None)

    def next_s(self, now_s: float) -> float | None:
        """When to look again; None when nothing waits."""
        if not self._waiting:
            return None
        return max(self._allowed_s(now_s), min(waiting.due_s for waiting in self._waiting))

    def done(self, waiting: Waiting, now_s: float) -> None:
        """It was delivered, or is given up."""
        self._sent_s.append(now_s)
        if waiting in self._waiting:
            self._waiting.remove(waiting)

    def _allowed_s(self, now_s: float) -> float:
        while self._sent_s and now_s - self._sent_s[0] >= HOUR_S:
            self._sent_s.popleft()
        return self._sent_s[0] + HOUR_S if len(self._sent_s) >= self._per_hour else now_s
