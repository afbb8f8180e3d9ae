"""How old what is cached is: since its last use, and since it was fetched. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

AGE_BOUNDS = (
    timedelta(hours=1),
    timedelta(days=1),
    timedelta(days=7),
    timedelta(days=30),
    timedelta(days=90),
)
"""Ascending. What is older is the rest."""


class EntryTimes(NamedTuple):
    """When an entry was last used and when it was fetched, in seconds since 1970; None where that is unknown."""

    used_s: float
    fetched_s: float | None


class AgeCount(NamedTuple):
    """How many entries were last used, and how many fetched, so long ago or less."""

    within: timedelta
    used: int
    fetched: int


@dataclass(frozen=True, slots=True)
class CacheAges:
    """The ages of a tier's `entries`, computed from those `examined`: all of them, or a part evenly chosen.

    The oldest times are those of what was examined, None where nothing was or none is known.
    """

    entries: int
    examined: int
    counts: tuple[AgeCount, ...]
    oldest_use: datetime | None
    oldest_fetch: datetime | None


def ages_of(entries: int, examined: Sequence[EntryTimes], now: datetime) -> CacheAges:
    """The ages of `entries`, of which those examined are an even part."""
    scale = entries / len(examined) if examined else 0.0

    def within(bound: timedelta, times: Sequence[float]) -> int:
        since_s = (now - bound).timestamp()
        return round(scale * sum(time_s >= since_s for time_s in times))

    used = [times.used_s for times in examined]
    fetched = [times.fetched_s for times in examined if times.fetched_s is not None]
    counts = tuple(AgeCount(bound, within(bound, used), within(bound, fetched)) for bound in AGE_BOUNDS)
    return CacheAges(entries, len(examined), counts, _oldest(used), _oldest(fetched))


def _oldest(times: Sequence[float]) -> datetime | None:
    return datetime.fromtimestamp(min(times), UTC) if times else None
