"""Least recently used entries up to a limit in bytes, counted and dropped by tenant and study."""

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice

from radgate_server.adapters.cache.tenant_shares import EQUAL_SHARES, TenantShares, Usage

_WALKED = 5000
"""So many keys at most are gone through in their order of last use."""


@dataclass(slots=True)
class Tally:
    """How much a tenant keeps."""

    entries: int = 0
    used_bytes: int = 0


@dataclass(slots=True)
class _Tenant[K]:
    """A tenant's keys in the order of their last use. `used` says whether there was one since `last_use_s` was set."""

    order: OrderedDict[K, None] = field(default_factory=OrderedDict)
    tally: Tally = field(default_factory=Tally)
    last_use_s: float = 0.0
    used: bool = True


class ByteLru[K: tuple[str, ...], V]:
    """Entries in the order of their last use. A key starts with its tenant and its study. Not safe across threads.

    Entries of a group (tenant, study) are found without looking at the others, and so is a tenant's tally. `shares`
    decide whose least recently used entry makes room.
    """

    def __init__(
        self,
        limit_bytes: int,
        shares: TenantShares = EQUAL_SHARES,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limit_bytes = limit_bytes
        self.used_bytes = 0
        self._shares = shares
        self._monotonic_s = monotonic_s
        self._entries: dict[K, tuple[V, int]] = {}
        self._groups: dict[tuple[str, str], set[K]] = {}
        self._tenants: dict[str, _Tenant[K]] = {}
        self._evictions: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: K) -> bool:
        return key in self._entries

    def get(self, key: K) -> V | None:
        """The entry's value, used as of now; None when there is none."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        tenant = self._tenants[key[0]]
        tenant.order.move_to_end(key)
        tenant.used = True
        return entry[0]

    def peek(self, key: K) -> V | None:
        """The entry's value, not counted as a use. Alone of all methods, it may be called from any thread."""
        entry = self._entries.get(key)
        return None if entry is None else entry[0]

    def put(self, key: K, value: V, size_bytes: int, *, oldest: bool = False) -> None:
        """Keep the entry as the last used one, or as the least recently used. Goes over the limit if it must."""
        self.remove(key)
        self._entries[key] = (value, size_bytes)
        tenant = self._tenants.setdefault(key[0], _Tenant())
        tenant.order[key] = None
        tenant.used = True
        if oldest:
            tenant.order.move_to_end(key, last=False)
        self._groups.setdefault((key[0], key[1]), set()).add(key)
        self._count(tenant, 1, size_bytes)

    def put_within(self, key: K, value: V, size_bytes: int) -> None:
        """Keep the entry as the last used one, and make room for it beforehand."""
        self.remove(key)
        self.make_room({key[0]: size_bytes})
        self.put(key, value, size_bytes)

    def remove(self, key: K) -> bool:
        """Drop the entry; False when there was none."""
        entry = self._entries.pop(key, None)
        if entry is None:
            return False
        group = (key[0], key[1])
        members = self._groups[group]
        members.discard(key)
        if not members:
            del self._groups[group]
        tenant = self._tenants[key[0]]
        del tenant.order[key]
        self._count(tenant, -1, -entry[1])
        if not tenant.order:
            del self._tenants[key[0]]
        return True

    def remove_group(self, tenant_id: str, study: str | None) -> list[K]:
        """Drop what the tenant keeps, of one study or all; return the keys."""
        groups = (
            [(tenant_id, study)] if study is not None else [group for group in self._groups if group[0] == tenant_id]
        )
        keys = [key for group in groups for key in self._groups.get(group, ())]
        for key in keys:
            self.remove(key)
        return keys

    def make_room(self, wanted: Mapping[str, int] | None = None) -> list[K]:
        """Drop entries until what is `wanted` (bytes by tenant) fits in, or nothing is left; return the keys."""
        wanted = wanted or {}
        wanted_bytes = sum(wanted.values())
        dropped: list[K] = []
        if self.used_bytes + wanted_bytes <= self.limit_bytes:
            return dropped
        now_s = self._monotonic_s()
        for tenant in self._tenants.values():
            if tenant.used:
                tenant.last_use_s, tenant.used = now_s, False
        while self._entries and self.used_bytes + wanted_bytes > self.limit_bytes:
            key = next(iter(self._tenants[self._makes_room(wanted, now_s)].order))
            self.remove(key)
            dropped.append(key)
            self._evictions[key[0]] += 1
        return dropped

    def tally(self, tenant_id: str) -> Tally:
        """How much the tenant keeps."""
        tenant = self._tenants.get(tenant_id)
        return Tally() if tenant is None else tenant.tally

    def evictions(self, tenant_id: str) -> int:
        """How many of the tenant's entries made room since the start."""
        return self._evictions[tenant_id]

    def tallies(self) -> Iterator[tuple[str, Tally]]:
        """How much each tenant keeps that keeps anything."""
        return ((tenant_id, tenant.tally) for tenant_id, tenant in self._tenants.items())

    def spread(self, tenant_ids: Collection[str], count: int) -> list[K]:
        """About `count` of the tenants' keys, evenly chosen. Takes milliseconds with a million entries.

        Of many it takes every n-th in the order of arrival: walking through the order of last use is far slower.
        """
        orders = [tenant.order for name, tenant in self._tenants.items() if name in tenant_ids]
        entries = sum(map(len, orders))
        step = max(1, entries // max(1, count)) | 1  # odd: tenants that arrive in turn are met in turn
        if entries <= _WALKED:
            return list(islice(chain.from_iterable(orders), 0, None, step))
        return [key for key in islice(self._entries, 0, None, step) if key[0] in tenant_ids]

    def group_tally(self, tenant_id: str, study: str) -> Tally:
        """How much is kept of one study of the tenant."""
        sizes = [self._entries[key][1] for key in self._groups.get((tenant_id, study), ())]
        return Tally(len(sizes), sum(sizes))

    def _makes_room(self, wanted: Mapping[str, int], now_s: float) -> str:
        if len(self._tenants) == 1:
            return next(iter(self._tenants))
        return self._shares.makes_room(
            Usage(tenant_id, tenant.tally.used_bytes + wanted.get(tenant_id, 0), now_s - tenant.last_use_s)
            for tenant_id, tenant in self._tenants.items()
        )

    def _count(self, tenant: _Tenant[K], entries: int, size_bytes: int) -> None:
        self.used_bytes += size_bytes
        tenant.tally.entries += entries
        tenant.tally.used_bytes += size_bytes
