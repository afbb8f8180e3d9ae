"""How studies are accessed again, and which size and time of a cache follow from that. Pure functions.

The working set curve is Mattson's: of a cache that evicts what was used longest ago, an access is a hit at each size
that holds the study and all others accessed since it was last. One pass so gives the hit rate of every size.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

ENOUGH_REUSES = 100
ENOUGH_HOURS = 72
TARGET = 0.95
"""The share of all reuses that a recommendation is for."""

_GIB = 1 << 30


class StudyUse(NamedTuple):
    """A study was accessed in an hour, by its number; how often in that hour is of no consequence."""

    hour: int
    study_instance_uid: str


@dataclass(frozen=True, slots=True)
class Reuse:
    """What `observe` finds in a trace of uses.

    A reuse is a use in a later hour than the one before. `distances` are bytes, ascending: the size of the smallest
    cache in which it is a hit; `intervals` are the hours since the use before, ascending.
    """

    uses: int
    studies: int
    hours: int
    distances: tuple[int, ...]
    intervals: tuple[int, ...]

    @property
    def is_enough(self) -> bool:
        """Whether a recommendation can stand on it."""
        return len(self.distances) >= ENOUGH_REUSES and self.hours >= ENOUGH_HOURS

    def hit_rate(self, size_bytes: int) -> float:
        """The share of all uses, 0 to 1, that a cache of that size finds."""
        return bisect_right(self.distances, size_bytes) / self.uses if self.uses else 0.0

    def reuses_within(self, hours: int) -> float:
        """The share of all reuses, 0 to 1, that come within so many hours."""
        return bisect_right(self.intervals, hours) / len(self.intervals) if self.intervals else 0.0

    @property
    def best_hit_rate(self) -> float:
        """What no cache can exceed: somebody is the first."""
        return len(self.distances) / self.uses if self.uses else 0.0


class CurvePoint(NamedTuple):
    """The hit rate, 0 to 1, of a cache of that size."""

    size_bytes: int
    hit_rate: float


class Recommendation(NamedTuple):
    """What follows from the observed reuse, and why. `size_bytes` and `keep_hours` are None for too little data."""

    size_bytes: int | None
    size_reason: str
    keep_hours: int | None
    keep_reason: str


class _Sums:
    """Sums over positions, each changed and asked for in logarithmic time (Fenwick's tree)."""

    def __init__(self, length: int) -> None:
        self._tree = [0] * (length + 1)

    def add(self, position: int, amount: int) -> None:
        position += 1
        while position < len(self._tree):
            self._tree[position] += amount
            position += position & -position

    def before(self, position: int) -> int:
        """The sum over all lower positions."""
        total = 0
        while position > 0:
            total += self._tree[position]
            position -= position & -position
        return total


def observe(uses: Sequence[StudyUse], sizes: Mapping[str, int], sampled: float = 1.0) -> Reuse:
    """Follow the uses in their order; `sizes` has the bytes of each study.

    `sampled`: they are of this share of all studies (0 to 1), chosen by chance, so that distances are that much larger.
    """
    sums, last = _Sums(len(uses)), dict[str, int]()
    distances, intervals, total = list[int](), list[int](), 0
    for position, (hour, study) in enumerate(uses):
        size, before = sizes[study], last.get(study)
        if before is None:
            total += size
        else:
            distances.append(round((total - sums.before(before)) / sampled))
            intervals.append(hour - uses[before].hour)
            sums.add(before, -size)
        sums.add(position, size)
        last[study] = position
    hours = uses[-1].hour - uses[0].hour + 1 if uses else 0
    return Reuse(len(uses), len(last), hours, tuple(sorted(distances)), tuple(sorted(intervals)))


def curve_of(reuse: Reuse, points: int = 10) -> tuple[CurvePoint, ...]:
    """The working set curve: where equal parts of all reuses become hits, the last one being all."""
    count = len(reuse.distances)
    sizes = [reuse.distances[ceil(count * part / points) - 1] for part in range(1, points + 1)] if count else []
    return tuple(CurvePoint(size, reuse.hit_rate(size)) for size in dict.fromkeys(sizes))


def recommend(reuse: Reuse, limit_bytes: int) -> Recommendation:
    """The size and the time that find TARGET of all reuses; `limit_bytes` is the size that is set now."""
    if not reuse.is_enough:
        reason = (
            f"too little data: {len(reuse.distances)} reuses in {reuse.hours} hours; at least {ENOUGH_REUSES} in "
            f"{ENOUGH_HOURS} are needed"
        )
        return Recommendation(None, reason, None, reason)
    size, hours = _quantile(reuse.distances), _quantile(reuse.intervals)
    return Recommendation(size, _size_reason(reuse, size, limit_bytes), hours, _keep_reason(reuse, hours))


def _quantile(ascending: Sequence[int]) -> int:
    return ascending[ceil(len(ascending) * TARGET) - 1]


def _size_reason(reuse: Reuse, size: int, limit_bytes: int) -> str:
    return (
        f"{reuse.studies} studies were accessed in {reuse.uses} study-hours over {reuse.hours} hours, "
        f"{len(reuse.distances)} of these again. {_gib(size)} find {reuse.hit_rate(size):.0%} of all, and no size "
        f"finds more than {reuse.best_hit_rate:.0%}; {_gib(limit_bytes)}, as set now, find "
        f"{reuse.hit_rate(limit_bytes):.0%}, and twice {_gib(size)} would find {reuse.hit_rate(2 * size):.0%}."
    )


def _keep_reason(reuse: Reuse, hours: int) -> str:
    half = reuse.intervals[len(reuse.intervals) // 2]
    text = (
        f"Half of the {len(reuse.intervals)} reuses came within {half} hours, {reuse.reuses_within(hours):.0%} within "
        f"{hours} hours, the longest after {reuse.intervals[-1]}."
    )
    if 2 * hours > reuse.hours:
        text += f" The {reuse.hours} hours observed are too few to see much longer ones: look again later."
    return text


def _gib(size_bytes: int) -> str:
    return f"{size_bytes / _GIB:.1f} GiB"
