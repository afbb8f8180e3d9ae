"""Whose entries a full cache lets go of: a share for each tenant, which others borrow while it is idle. Pure.

Every tenant has a claim to the cache: its weight, halved for each day in which it used nothing. Room is made by the
tenant that takes the most for its claim. So one that takes no more than its share among those who are active loses
nothing to them, whatever they read; what nobody else needs, anybody may fill.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

_HALF_LIFE_S = 86_400.0
_MAX_HALVINGS = 64.0


class Usage(NamedTuple):
    """What a tenant takes, with what it is about to, and for how long it has used nothing."""

    tenant_id: str
    used_bytes: int
    idle_s: float


@dataclass(frozen=True, slots=True)
class TenantShares:
    """`weights` by tenant; 1 for those that are not named."""

    weights: Mapping[str, float] = field(default_factory=dict)

    def makes_room(self, usages: Iterable[Usage]) -> str:
        """The tenant that lets go of an entry, of those given, at least one; among equals the one idle for longest."""
        return max(usages, key=lambda usage: (usage.used_bytes / self._claim(usage), usage.idle_s)).tenant_id

    def _claim(self, usage: Usage) -> float:
        halvings = min(usage.idle_s / _HALF_LIFE_S, _MAX_HALVINGS)
        weight = self.weights.get(usage.tenant_id, 1.0)
        return weight if halvings <= 0 else weight * 0.5**halvings


EQUAL_SHARES = TenantShares()
