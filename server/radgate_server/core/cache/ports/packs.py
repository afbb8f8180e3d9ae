"""Packs: many instances of one study in one object of an object store, and the index that says where each lies.

Studies and instances are given by the hashes that name them on the disk too, so that no UID is in either.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from radgate_server.core.cache.ages import CacheAges


@dataclass(frozen=True, slots=True)
class PackedInstance:
    """Where an instance lies: `length` bytes from `offset` of the object `pack`, sealed under its study's key.

    `checksum` is the CRC-32C of those bytes, `size_bytes` and `crc32c` are of the DICOM file, `head` is what the sealed
    bytes begin with, so that any span of the rest can be read without it.
    """

    instance: str
    series: str
    pack: str
    offset: int
    length: int
    checksum: int
    size_bytes: int
    crc32c: int
    sop_class_uid: str
    transfer_syntax_uid: str
    head: bytes
    state: bytes
    """What vouches for its pack (PackOrigin)."""


@dataclass(frozen=True, slots=True)
class PackOrigin:
    """Under what a pack's instances were fetched.

    `state` is what the PACS said of the study before that, in the form of PackVouching. `seen` is the number of the
    last change of the feed that had been applied when they came.
    """

    study_instance_uid: str
    state: bytes
    seen: int


class Pack(NamedTuple):
    """A pack as it is written: whose, of which study, the object's key and size."""

    tenant_id: str
    study: str
    object_key: str
    size_bytes: int


class PackUsage(NamedTuple):
    """What packs hold of a tenant, and when one was last used (coarsely)."""

    tenant_id: str
    instances: int
    used_bytes: int
    use_time: datetime


class PackIndex(Protocol):
    """Raises DatabaseUnavailableError. An instance is owned by one pack: the one that was added first."""

    async def of_study(self, tenant_id: str, study: str) -> Mapping[str, PackedInstance]:
        """All packed instances of the study, by the hash of the instance. One query."""
        ...

    async def add(self, pack: Pack, instances: Sequence[PackedInstance], origin: PackOrigin) -> int:
        """Have the pack own its instances; returns how many: those that have an owner stay there.

        With none, the pack is not entered; nor when an invalidation that concerns the study was announced after `seen`.
        The instances have the state of `origin`.
        """
        ...

    async def state(self, tenant_id: str, study: str) -> bytes | None:
        """That of the study's newest pack, None without one."""
        ...

    async def drop_instance(self, tenant_id: str, study: str, instance: str) -> Sequence[str]:
        """Forget the instance; returns the objects of packs that own nothing any more, which are forgotten too."""
        ...

    async def drop_study(self, tenant_id: str, study: str | None, seen: int | None = None) -> tuple[int, Sequence[str]]:
        """Forget the study's packs, or all of the tenant's; returns how many instances, and their objects.

        With `seen`, those alone that were fetched when no later change of the feed had been applied.
        """
        ...

    async def drop_packs(self, object_keys: Collection[str]) -> int:
        """Forget the packs and what they own; returns how many instances."""
        ...

    async def touch(self, object_keys: Collection[str]) -> None:
        """They were used just now."""
        ...

    async def usages(self) -> Sequence[PackUsage]:
        """Of every tenant that has packs."""
        ...

    async def ages(self, tenant_ids: Collection[str], now: datetime) -> CacheAges:
        """How old what is packed for the tenants is, added up where the index lies."""
        ...

    async def held(self, tenant_id: str, study: str) -> tuple[int, int]:
        """How many packs there are of the study, and how many bytes."""
        ...

    async def least_recently_used(self, tenant_id: str, limit: int) -> Sequence[Pack]:
        """The tenant's packs, the one that was not used for longest first."""
        ...

    async def stored_before(self, time: datetime, limit: int) -> Sequence[Pack]:
        """Packs that are older, the oldest first."""
        ...

    async def unknown(self, object_keys: Collection[str]) -> Collection[str]:
        """Those that are in no row."""
        ...


class PackVouching(Protocol):
    """What this server knows of the studies that it serves: by which what others have fetched is compared."""

    @property
    def seen(self) -> int:
        """The number of the last change of the feed that has been applied."""
        ...

    def state(self, tenant_id: str, study_instance_uid: str, pacs: str) -> bytes | None:
        """What vouches here for an instance of the study that `pacs` sent; None: nothing does."""
        ...

    def vouches(self, tenant_id: str, study_instance_uid: str, state: bytes) -> bool:
        """Whether what was fetched under this state is what the PACS, as this server knows, hold."""
        ...
