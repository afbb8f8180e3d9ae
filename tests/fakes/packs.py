"""PackIndex in memory."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from radgate_server.core.cache.ages import CacheAges, EntryTimes, ages_of
from radgate_server.core.cache.ports.packs import Pack, PackedInstance, PackOrigin, PackUsage


class MemoryPackIndex:
    """PackIndex as dictionaries."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.invalidated: list[tuple[int, str, str]] = []
        """Invalidations of the feed: number, tenant, Study Instance UID or ""."""
        self._origins: dict[str, PackOrigin] = {}
        self.packs: dict[str, Pack] = {}
        self._created: dict[str, datetime] = {}
        self._used: dict[str, datetime] = {}
        self._instances: dict[tuple[str, str], dict[str, PackedInstance]] = defaultdict(dict)

    async def of_study(self, tenant_id: str, study: str) -> Mapping[str, PackedInstance]:
        return dict(self._instances[tenant_id, study])

    async def state(self, tenant_id: str, study: str) -> bytes | None:
        own = [key for key, pack in self.packs.items() if (pack.tenant_id, pack.study) == (tenant_id, study)]
        return self._origins[max(own, key=lambda key: self._created[key])].state if own else None

    async def add(self, pack: Pack, instances: Sequence[PackedInstance], origin: PackOrigin) -> int:
        if any(
            number > origin.seen and tenant_id == pack.tenant_id and study in ("", origin.study_instance_uid)
            for number, tenant_id, study in self.invalidated
        ):
            return 0
        owned = self._instances[pack.tenant_id, pack.study]
        new = {one.instance: replace(one, state=origin.state) for one in instances if one.instance not in owned}
        owned.update(new)
        if new:
            self.packs[pack.object_key] = pack
            self._origins[pack.object_key] = origin
            self._created[pack.object_key] = self._used[pack.object_key] = self._now()
        return len(new)

    async def drop_instance(self, tenant_id: str, study: str, instance: str) -> Sequence[str]:
        rows = self._instances[tenant_id, study]
        dropped = rows.pop(instance, None)
        if dropped is None or any(one.pack == dropped.pack for one in rows.values()):
            return []
        del self.packs[dropped.pack]
        return [dropped.pack]

    async def drop_study(self, tenant_id: str, study: str | None, seen: int | None = None) -> tuple[int, Sequence[str]]:
        keys = [
            key
            for key, pack in self.packs.items()
            if pack.tenant_id == tenant_id
            and study in (None, pack.study)
            and (seen is None or self._origins[key].seen <= seen)
        ]
        count = sum(one.pack in keys for rows in self._instances.values() for one in rows.values())
        await self.drop_packs(keys)
        return count, keys

    async def drop_packs(self, object_keys: Collection[str]) -> int:
        for key in object_keys:
            self.packs.pop(key, None)
        dropped = 0
        for rows in self._instances.values():
            for instance in [name for name, one in rows.items() if one.pack in object_keys]:
                del rows[instance]
                dropped += 1
        return dropped

    async def touch(self, object_keys: Collection[str]) -> None:
        self._used.update(dict.fromkeys(object_keys, self._now()))

    async def usages(self) -> Sequence[PackUsage]:
        return [
            PackUsage(
                tenant_id,
                sum(len(rows) for (owner, _), rows in self._instances.items() if owner == tenant_id),
                sum(pack.size_bytes for pack in self.packs.values() if pack.tenant_id == tenant_id),
                max(self._used[key] for key, pack in self.packs.items() if pack.tenant_id == tenant_id),
            )
            for tenant_id in sorted({pack.tenant_id for pack in self.packs.values()})
        ]

    async def ages(self, tenant_ids: Collection[str], now: datetime) -> CacheAges:
        owned = Counter(one.pack for rows in self._instances.values() for one in rows.values())
        own = [key for key, pack in self.packs.items() if pack.tenant_id in tenant_ids]
        times = [EntryTimes(self._used[key].timestamp(), self._created[key].timestamp()) for key in own]
        each = [one for key, one in zip(own, times, strict=True) for _ in range(owned[key])]
        return ages_of(len(each), each, now)

    async def held(self, tenant_id: str, study: str) -> tuple[int, int]:
        sizes = [pack.size_bytes for pack in self.packs.values() if (pack.tenant_id, pack.study) == (tenant_id, study)]
        return len(sizes), sum(sizes)

    async def least_recently_used(self, tenant_id: str, limit: int) -> Sequence[Pack]:
        own = [pack for pack in self.packs.values() if pack.tenant_id == tenant_id]
        return sorted(own, key=lambda pack: self._used[pack.object_key])[:limit]

    async def stored_before(self, time: datetime, limit: int) -> Sequence[Pack]:
        old = [pack for pack in self.packs.values() if self._created[pack.object_key] < time]
        return sorted(old, key=lambda pack: self._created[pack.object_key])[:limit]

    async def unknown(self, object_keys: Collection[str]) -> Collection[str]:
        return set(object_keys) - set(self.packs)
