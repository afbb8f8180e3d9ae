"""The two cache tiers: hot answers in memory, warm instances on disk. Every key carries the tenant."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple, NewType, Protocol

from radgate_server.core.cache.scope import CacheScope
from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.dicom.instance_index import InstanceIndex
from radgate_server.core.dicom.instances import InstanceHandle, ReceivedInstance


@dataclass(frozen=True, slots=True)
class TierUsage:
    """What a tier holds for one tenant, and how many look-ups of the tenant it could answer.

    `as_of` is when that was counted; None stands for now. `evictions` are entries of the tenant that made room.
    """

    tier: str
    entries: int
    used_bytes: int
    limit_bytes: int
    hits: int
    misses: int
    as_of: datetime | None = None
    evictions: int = 0

    def plus(self, other: "TierUsage") -> "TierUsage":
        """What the same tier holds for both tenants; the limit is for all."""
        return replace(
            self,
            entries=self.entries + other.entries,
            used_bytes=self.used_bytes + other.used_bytes,
            hits=self.hits + other.hits,
            misses=self.misses + other.misses,
            evictions=self.evictions + other.evictions,
        )


class CacheKey(NamedTuple):
    """Whose, of which study ("" when of none), what kind of answer, and what exactly."""

    tenant_id: str
    study_instance_uid: str
    kind: str
    detail: str


CacheMark = NewType("CacheMark", int)
"""A place in a cache's order of invalidations."""


class TenantTier[Removed](Protocol):
    """What each tier does for a tenant as a whole."""

    async def usage(self, tenant_id: str) -> TierUsage:
        """What is kept for the tenant."""
        ...

    async def invalidate(self, tenant_id: str, study_instance_uid: str | None) -> Removed:
        """Drop what is kept for the tenant, of one study or all."""
        ...


class HotCache(Protocol):
    """Small answers, ready to be sent. Losing an entry is never an error."""

    async def get(self, key: CacheKey) -> bytes | None:
        """The answer, or None when there is none or it is older than its time to live."""
        ...

    def mark(self) -> CacheMark:
        """What `put` takes: to be asked for before anything is read that the answer is made from."""
        ...

    async def put(self, mark: CacheMark, key: CacheKey, value: bytes, ttl_s: float | None = None) -> None:
        """Keep the answer, for `ttl_s` seconds or until there is no room; too large an answer is not kept.

        Nor is one that was invalidated since the mark was taken.
        """
        ...

    async def invalidate(self, tenant_id: str, study_instance_uid: str | None) -> None:
        """Drop what is kept for the tenant: of one study, or all. Answers of no study (queries) are always dropped."""
        ...

    async def usage(self, tenant_id: str) -> TierUsage:
        """What is kept for the tenant."""
        ...


class IndexStore(Protocol):
    """Where the indexes of instances are kept, beside the instances."""

    async def get(self, tenant_id: str, ref: InstanceRef) -> InstanceHandle | None:
        """The instance, or None."""
        ...

    async def load_index(self, tenant_id: str, ref: InstanceRef) -> InstanceIndex | None:
        """The index kept beside the instance, or None when there is none or it is damaged."""
        ...

    async def save_index(self, tenant_id: str, ref: InstanceRef, index: InstanceIndex) -> None:
        """Keep the index beside the instance; does nothing when the instance is gone or there is no room."""
        ...


class PartialTier(TenantTier[int], Protocol):
    """A tier of instances, which can drop less than a study of them."""

    async def invalidate_part(self, scope: CacheScope) -> int:
        """Drop the instances that the scope covers, or more, never less; return how many."""
        ...

    async def count(self, scope: CacheScope) -> int:
        """How many instances `invalidate` or `invalidate_part` would drop."""
        ...


class InstanceStore(IndexStore, PartialTier, Protocol):
    """Whole instances with their indexes. What `put` returned survives a crash whole, or is gone."""

    async def put(self, tenant_id: str, instance: ReceivedInstance) -> InstanceHandle:
        """Keep the instance; an older copy is replaced.

        Raises:
            StorageFullError: there is no room, or the disk fails; nothing was kept.
        """
        ...
