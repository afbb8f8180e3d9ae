"""What commands do about packs in an object store: they forget them; a server sweeps the objects."""

from collections.abc import Awaitable, Callable

from radgate_server.core.cache.ports.packs import PackIndex


def packs_dropper(index: PackIndex) -> Callable[[str, str | None], Awaitable[None]]:
    """Makes what drops the packs of a study, or (None) of all of a tenant, from the index."""

    async def drop(tenant_id: str, study_instance_uid: str | None) -> None:
        from radgate_server.adapters.cache.disk.layout import study_hash

        await index.drop_study(tenant_id, None if study_instance_uid is None else study_hash(study_instance_uid))

    return drop
