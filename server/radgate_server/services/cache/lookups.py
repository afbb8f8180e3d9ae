"""How often a tier could answer, by tenant."""

from collections import defaultdict
from dataclasses import dataclass

from radgate_server.core.cache.accesses import found_in
from radgate_server.core.telemetry.ports import Telemetry
from radgate_server.core.telemetry.tracing import mark


@dataclass(slots=True)
class HitCount:
    """Look-ups that a tier answered, and those that it could not."""

    hits: int = 0
    misses: int = 0


class Lookups:
    """Counts a tier's look-ups for its usage report and notifies the telemetry of each."""

    def __init__(self, tier: str, telemetry: Telemetry) -> None:
        self._tier = tier
        self._telemetry = telemetry
        self._counts: defaultdict[str, HitCount] = defaultdict(HitCount)

    def record(self, tenant_id: str, hit: bool) -> None:
        """A tenant's look-up ended. Call it from the event loop's thread alone."""
        count = self._counts[tenant_id]
        if hit:
            count.hits += 1
            found_in(self._tier)
        else:
            count.misses += 1
        self._telemetry.cache_lookup(self._tier, hit)
        mark("cache", tier=self._tier, hit=hit)

    def of(self, tenant_id: str) -> HitCount:
        """The tenant's look-ups so far."""
        return self._counts.get(tenant_id) or HitCount()
