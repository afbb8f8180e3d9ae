"""Slows down whoever shows wrong credentials. Pure but for the clock."""

from collections.abc import Hashable
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from radgate_server.lib.clock import Clock
from radgate_server.lib.ttl_cache import TtlCache

_FIRST_WAIT_S = 1.0
_FORGET_S = 900.0
_MAX_SUBJECTS = 50_000
_V6_SITE = 64  # whoever has one IPv6 address has all of its /64


@dataclass(slots=True)
class _Failures:
    count: int = 0
    next_try_s: float = 0.0


class FailureDamper:
    """After `max_failures` failures of a subject each further one doubles the wait before its next try.

    The wait begins with a second and ends at `max_wait_s`, so that nobody is shut out for ever. A subject without a
    failure for a quarter of an hour starts again. Of more than 50,000 subjects those seen least recently are forgotten.

    Of several servers each knows its own failures. So that who guesses at all of them gains nothing, one failure counts
    for as many as there are servers, and the longest wait is as many times as long.
    """

    def __init__(self, clock: Clock, *, max_failures: int, max_wait_s: float) -> None:
        self._clock = clock
        self._max_failures = max_failures
        self._max_wait_s = max_wait_s
        self._servers = 1
        self._failures: TtlCache[Hashable, _Failures] = TtlCache(ttl_s=_FORGET_S, max_weight=_MAX_SUBJECTS, clock=clock)

    def share(self, servers: int) -> None:
        """So many servers are asked from now on."""
        self._servers = servers

    def wait_s(self, *subjects: Hashable) -> float:
        """Seconds until all of the subjects may try again, 0 for at once."""
        known = [failures.next_try_s for subject in subjects if (failures := self._failures.get(subject))]
        return max([0.0, *(next_try_s - self._clock.monotonic_s() for next_try_s in known)])

    def failed(self, *subjects: Hashable) -> None:
        """Count a failure of each of them."""
        for subject in subjects:
            failures = self._failures.get(subject) or _Failures()
            failures.count += self._servers
            excess = min(failures.count - self._max_failures, 64)
            if excess > 0:
                wait_s = min(self._max_wait_s * self._servers, _FIRST_WAIT_S * 2.0 ** (excess - 1))
                failures.next_try_s = self._clock.monotonic_s() + wait_s
            self._failures.put(subject, failures)


def site_of(address: str) -> str:
    """What counts as one address: an IPv4 address, the /64 of an IPv6 one; anything else stands for itself."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return str(ip_network((parsed, _V6_SITE), strict=False)) if parsed.version == 6 else address
