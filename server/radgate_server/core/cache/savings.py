"""What caches saved, as far as the history of accesses has it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby

from radgate_server.core.cache.accesses import PACS, AccessCounts, StudyAccesses

NOTHING = AccessCounts(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Savings:
    """`fetched_bytes` is what was fetched and `waited_s` the time that callers waited for it.

    `saved_accesses` fetched nothing: each would have been a retrieve from a PACS, such as a C-GET, or have joined one.
    `saved_bytes` is what was sent of accesses that fetched nothing; `saved_s` is what it would have been waited for at
    the rate at which the rest was fetched, None when nothing was. Pictures and metadata are smaller than the instances
    that they would have been made of, so both are too low rather than too high.
    """

    fetched_bytes: int
    waited_s: float
    saved_bytes: int
    saved_s: float | None
    hit_rate: float
    saved_accesses: int


def savings_of(by_tier: Mapping[str, AccessCounts]) -> Savings:
    """What the accesses of these tiers saved."""
    missed = by_tier.get(PACS, NOTHING)
    hits = [counts for tier, counts in by_tier.items() if tier != PACS]
    saved_bytes, found = sum(counts.sent_bytes for counts in hits), sum(counts.accesses for counts in hits)
    waited_s, accesses = missed.waited_ms / 1000, found + missed.accesses
    return Savings(
        missed.fetched_bytes,
        waited_s,
        saved_bytes,
        waited_s / missed.fetched_bytes * saved_bytes if missed.fetched_bytes else None,
        found / accesses if accesses else 0.0,
        found,
    )


def study_bytes(rows: Iterable[StudyAccesses]) -> dict[str, int]:
    """The bytes of each study, as far as accesses report them, from rows in the order of their places.

    The most that was fetched of it within an hour, or sent at once, whichever is more.
    """
    sizes: dict[str, int] = {}
    for (_, study), same in groupby(rows, key=lambda row: (row.place.hour, row.place.study_instance_uid)):
        fetched = largest = 0
        for row in same:
            fetched += row.counts.fetched_bytes
            largest = max(largest, row.counts.sent_bytes // max(1, row.counts.accesses))
        sizes[study] = max(sizes.get(study, 1), fetched, largest)
    return sizes
