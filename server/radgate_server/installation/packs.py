"""What commands do about packs in an object store: they count and forget them; a server sweeps the objects."""

from collections.abc import Collection

from radgate_server.core.cache.ages import CacheAges
from radgate_server.core.cache.ports.packs import PackIndex
from radgate_server.core.retention.ports.erasure import Held
from radgate_server.lib.clock import Clock


class IndexedPacks:
    """StudyTier of what the index has of packs."""

    def __init__(self, index: PackIndex, clock: Clock) -> None:
        self._index = index
        self._clock = clock

    async def ages(self, tenant_ids: Collection[str]) -> CacheAges:
        """How old what is packed for the tenants is."""
        return await self._index.ages(tenant_ids, self._clock.now())

    async def held(self, tenant_id: str, study_instance_uid: str) -> Held:
        """How many packs there are of the study, and how many bytes."""
        return Held(*await self._index.held(tenant_id, _hash(study_instance_uid)))

    async def drop(self, tenant_id: str, study_instance_uid: str | None) -> None:
        """Forget the packs of a study, or (None) of all of a tenant."""
        study = None if study_instance_uid is None else _hash(study_instance_uid)
        await self._index.drop_study(tenant_id, study)


def _hash(study_instance_uid: str) -> str:
    from radgate_server.adapters.cache.disk.layout import study_hash  # so that commands start quickly

    return study_hash(study_instance_uid)
