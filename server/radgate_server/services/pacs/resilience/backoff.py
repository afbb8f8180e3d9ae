"""How long to wait before an operation is repeated: exponential back-off with full jitter, never past a deadline."""

from collections.abc import Callable
from dataclasses import dataclass

type Uniform = Callable[[float, float], float]
"""random.uniform, or what a test puts in its place."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """At most `max_retries` repetitions, after waits of up to `first_s`, twice that, ... but `longest_s` seconds."""

    max_retries: int
    first_s: float = 0.2
    longest_s: float = 5.0

    def ceiling_s(self, retry: int) -> float:
        """The longest wait before the repetition of this number, counted from 0."""
        return min(self.first_s * 2.0 ** min(retry, 32), self.longest_s)

    def delay_s(self, retry: int, *, remaining_s: float, uniform: Uniform) -> float | None:
        """Seconds to wait before this repetition; None when there is to be none, or no time left for it.

        Full jitter: anything between nothing and the ceiling, so that callers who failed together come apart.
        """
        if retry >= self.max_retries:
            return None
        delay_s = uniform(0.0, self.ceiling_s(retry))
        return delay_s if delay_s < remaining_s else None
