"""How much of its limits a subject has used: pure state that is given the time.

Times are seconds of a clock that only grows, days the ordinals of dates of UTC. What other processes took of a bucket
is learnt afterwards, so that it may be in debt; until that is over nothing is admitted.
"""

import math
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from radgate_server.core.limits.model import Limits, LimitSubject
from radgate_server.lib.token_bucket import TokenBucket

DAY_S = 86_400.0
MOST_RESERVED = 256
"""A process reserves so many requests of a daily quota at a time; those of one that is killed are lost for the day."""
_DAY_OF_1970 = date(1970, 1, 1).toordinal()


class Policy(StrEnum):
    """Which of the limits it is about."""

    RATE = "rate"
    CONCURRENCY = "concurrency"
    BANDWIDTH = "bandwidth"
    DAILY_REQUESTS = "daily-requests"
    DAILY_BYTES = "daily-bytes"


class Today(NamedTuple):
    """A day of UTC: the ordinal of its date, and when it ends by the clock that only grows."""

    day: int
    end_s: float

    @classmethod
    def of(cls, moment_s: float, now_s: float) -> "Today":
        """That of a moment, in seconds since 1970-01-01T00:00Z, at which the other clock shows `now_s`."""
        days, passed_s = divmod(moment_s, DAY_S)
        return cls(_DAY_OF_1970 + int(days), now_s + DAY_S - passed_s)


class Shortage(NamedTuple):
    """Why a request can't be admitted now.

    `quota` is what the limit allows in `window_s` seconds (None: at the same time), `wait_s` the seconds until there is
    room again, None when nobody knows.
    """

    policy: Policy
    quota: int
    window_s: float | None
    wait_s: float | None

    @property
    def unreserved(self) -> bool:
        """Whether some of the daily quota, or a slot, is to be reserved, instead of waiting."""
        return self.policy in (Policy.DAILY_REQUESTS, Policy.CONCURRENCY) and self.wait_s == 0


class Used(NamedTuple):
    """Requests that were admitted, and bytes of answers and uploads."""

    requests: int = 0
    bytes: int = 0


@dataclass(slots=True)
class DailyUse:
    """What was used today, by all processes as far as is known; `new_...` is what only this one knows of.

    `turn` to the day before counting anything in `new_...`. Of several processes each admits requests that it has
    `reserved`, which count as known; `exhausted`, there was nothing left to reserve. `wanted` is how many to reserve.
    """

    day: int = 0
    known_requests: int = 0
    known_bytes: int = 0
    new_requests: int = 0
    new_bytes: int = 0
    reserved: int = 0
    wanted: int = 1
    exhausted: bool = False

    @property
    def requests(self) -> int:
        """All of them."""
        return self.known_requests + self.new_requests - self.reserved

    @property
    def bytes(self) -> int:
        """All of them."""
        return self.known_bytes + self.new_bytes

    def turn(self, day: int) -> None:
        """Begin again if it is another day."""
        if day != self.day:
            self.day = day
            self.known_requests = self.known_bytes = self.new_requests = self.new_bytes = self.reserved = 0
            self.wanted, self.exhausted = 1, False

    def unwritten(self, day: int) -> Used:
        """What only this process knows of the day."""
        return Used(self.new_requests, self.new_bytes) if day == self.day else Used()

    def learn(self, day: int, written: Used, counted: Used) -> None:
        """`counted` is what all processes wrote down, this one's last `written` included."""
        if day == self.day:
            self.new_requests -= written.requests
            self.new_bytes -= written.bytes
            self.known_requests, self.known_bytes = counted
            self.exhausted = False

    def reserve(self, day: int, granted: int, counted: int) -> None:
        """So many more requests are reserved here, and so many counted by all processes, these included."""
        if day == self.day:
            self.reserved += granted
            self.known_requests = counted
            self.exhausted = granted == 0
            self.wanted = min(2 * self.wanted, MOST_RESERVED)

    def release(self, day: int) -> int:
        """Give up what is reserved, to be given back to all; returns how much that is."""
        self.wanted = 1
        if day != self.day:
            return 0
        released, self.reserved = self.reserved, 0
        return released

    def keep(self, day: int, count: int) -> None:
        """What was released could not be given back."""
        if day == self.day:
            self.reserved += count


@dataclass(slots=True, eq=False, weakref_slot=True)
class Meter:
    """Everything that is counted of one subject under its limits in force; days, while a daily quota holds.

    `slots` is how many may run here: infinite, unless processes share what may run at the same time; then as many as
    are reserved for this one. `asked_s` is when a request last wanted to be admitted.
    One that `reserves` admits only those requests of a daily quota that are reserved, for other processes admit too.
    """

    subject: LimitSubject
    limits: Limits = field(default_factory=Limits)
    running: int = 0
    slots: float = math.inf
    used: DailyUse = field(default_factory=DailyUse)
    rate: TokenBucket | None = None
    bandwidth: TokenBucket | None = None
    counts_days: bool = False
    asked_s: float = -math.inf
    reserves: bool = False

    def change(self, limits: Limits, now_s: float) -> None:
        """Go by these limits from now on. Buckets that change begin full; what runs and what was used today counts."""
        rate, width = limits.requests_per_second or 0, limits.bytes_per_second or 0
        self.rate = _bucket(self.rate, rate, limits.burst, now_s)
        self.bandwidth = _bucket(self.bandwidth, width, width, now_s)
        self.counts_days = bool(limits.daily_requests or limits.daily_bytes)
        self.limits = limits

    @property
    def holds(self) -> bool:
        """Whether there is any limit at all."""
        numbers = self.rate or self.bandwidth or self.limits.concurrent_requests or self.counts_days
        return bool(numbers or self.limits.has_lists)

    def enter(self, now_s: float, today: Today, longest_wait_s: float = math.inf) -> Shortage | None:
        """Let one more request in, None; or say why not, of which nothing is counted.

        None is admitted either while what is to be sent waits for the bandwidth for longer than `longest_wait_s`.
        """
        self.asked_s = now_s
        rate = self.rate
        if rate is not None and (wait_s := rate.claim(now_s)):
            return Shortage(Policy.RATE, int(rate.capacity), rate.capacity / rate.rate, wait_s)
        if (shortage := self._shortage(now_s, today, longest_wait_s)) is not None:
            if rate is not None:
                rate.take(now_s, -1)
            return shortage
        self.running += 1
        self._count_request(1)
        return None

    def take_back(self, now_s: float) -> None:
        """Undo `enter`, of this same moment."""
        self.running -= 1
        if self.rate is not None:
            self.rate.take(now_s, -1)
        self._count_request(-1)

    def pass_bytes(self, now_s: float, today: Today, count: int) -> float:
        """So many bytes are about to go through; returns for how many seconds they should wait."""
        if self.counts_days:
            used = self.used
            if used.day != today.day:
                used.turn(today.day)
            used.new_bytes += count
        return 0.0 if self.bandwidth is None else self.bandwidth.take(now_s, count)

    def give_back_bytes(self, now_s: float, count: int) -> None:
        """So many of those that should wait won't go through."""
        if self.bandwidth is not None:
            self.bandwidth.take(now_s, -count)

    def _count_request(self, count: int) -> None:
        if not self.counts_days:
            return
        if self.reserves and self.limits.daily_requests:
            self.used.reserved -= count
        else:
            self.used.new_requests += count

    def _is_used_up(self, most: int) -> bool:
        used = self.used
        return used.reserved <= 0 if self.reserves else used.known_requests + used.new_requests >= most

    def _shortage(self, now_s: float, today: Today, longest_wait_s: float) -> Shortage | None:
        """What is lacking besides the rate."""
        limits = self.limits
        if (most := limits.concurrent_requests) and (self.running >= self.slots or self.running >= most):
            return Shortage(Policy.CONCURRENCY, most, None, None if self.running >= most else 0.0)
        if self.counts_days:
            used = self.used
            if used.day != today.day:
                used.turn(today.day)
            if (most := limits.daily_requests) and self._is_used_up(most):
                may_reserve = self.reserves and not used.exhausted
                return Shortage(Policy.DAILY_REQUESTS, most, DAY_S, 0.0 if may_reserve else today.end_s - now_s)
            if (most := limits.daily_bytes) and used.known_bytes + used.new_bytes >= most:
                return Shortage(Policy.DAILY_BYTES, most, DAY_S, today.end_s - now_s)
        width = self.bandwidth
        if width is not None and width.left < 0 and (late_s := width.wait_s(now_s, 0) - longest_wait_s) > 0:
            return Shortage(Policy.BANDWIDTH, int(width.rate), 1, late_s)
        return None


def _bucket(old: TokenBucket | None, rate: float, capacity: float, now_s: float) -> TokenBucket | None:
    if not rate:
        return None
    if old and (old.rate, old.capacity) == (rate, capacity):
        return old
    return TokenBucket(rate, capacity, now_s)
