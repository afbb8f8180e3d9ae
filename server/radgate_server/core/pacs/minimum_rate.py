"""How fast a PACS has to get on with an answer. Without such a bound, one byte a second keeps an answer alive for ever.

No clock: times are seconds that only grow, given with each call.
"""

from dataclasses import dataclass

DEFAULT_MIN_BYTES_PER_SECOND = 1000
MAX_MIN_BYTES_PER_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class MinimumRate:
    """`bytes_per_s` on average over each `window_s` seconds in which the PACS is waited for; 0: no such bound."""

    bytes_per_s: int
    window_s: float

    @property
    def window_bytes(self) -> float:
        """What has to come within a window."""
        return self.bytes_per_s * self.window_s


class Progress:
    """How one answer gets on: a window begins again with each `done`, and as soon as enough bytes came within it."""

    def __init__(self, rate: MinimumRate, now_s: float) -> None:
        self._rate = rate
        self._since_s = now_s
        self._bytes = 0

    def done(self, now_s: float) -> None:
        """Something that was asked for has come whole, or the time up to now was not the PACS's."""
        if now_s > self._since_s:
            self._since_s = now_s
            self._bytes = 0

    def came(self, count: int, now_s: float) -> None:
        """So many more bytes have come."""
        self._bytes += count
        if self._bytes >= self._rate.window_bytes:
            self._since_s, self._bytes = now_s, 0

    def spare(self, seconds: float) -> None:
        """So many seconds went by in which nobody waited for the PACS."""
        self._since_s += seconds

    def left_s(self, now_s: float) -> float | None:
        """Seconds until the PACS is too slow, 0 and less when it is; None without a bound."""
        return self._since_s + self._rate.window_s - now_s if self._rate.bytes_per_s else None
