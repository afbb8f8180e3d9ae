"""What of the prefetched studies was used. Pure.

A study is used when it is accessed within `USED_WITHIN` of being fetched, by the hour; else it is wasted, once that
time is over.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from radgate_server.core.cache.accesses import hour_of
from radgate_server.core.prefetch.batch import PrefetchedStudy

USED_WITHIN = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class PrefetchUse:
    """Studies of which something was fetched, and the bytes of that. `pending` may still be used."""

    used: int = 0
    used_bytes: int = 0
    wasted: int = 0
    wasted_bytes: int = 0
    pending: int = 0
    pending_bytes: int = 0


def use_of(rows: Iterable[PrefetchedStudy], hours: Mapping[str, Sequence[datetime]], now: datetime) -> PrefetchUse:
    """Judge the rows; `hours` are those in which each study was accessed."""
    counts = {"used": [0, 0], "wasted": [0, 0], "pending": [0, 0]}
    for row in rows:
        if not row.fetched_bytes:
            continue
        first, last = hour_of(row.time), row.time + USED_WITHIN
        is_used = any(first <= hour <= last for hour in hours.get(row.study_instance_uid, ()))
        count = counts["used" if is_used else "wasted" if now > last else "pending"]
        count[0] += 1
        count[1] += row.fetched_bytes
    (used, used_bytes), (wasted, wasted_bytes), (pending, pending_bytes) = counts.values()
    return PrefetchUse(used, used_bytes, wasted, wasted_bytes, pending, pending_bytes)
