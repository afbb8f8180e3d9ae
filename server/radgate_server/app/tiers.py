"""The near tiers of a running server."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

from radgate_server.adapters.cache.memory.answers import MemoryHotCache
from radgate_server.adapters.cache.memory.instances import HotInstanceStore
from radgate_server.adapters.cache.tenant_shares import TenantShares
from radgate_server.adapters.telemetry import PrometheusTelemetry
from radgate_server.core.cache.ports.keys import StudyKeys
from radgate_server.core.cache.ports.tiers import HotCache, InstanceStore
from radgate_server.core.retention.ports.erasure import StudyTier
from radgate_server.installation.disk_tiers import open_derived_cache, open_disk_store, open_state_cache
from radgate_server.lib.clock import Clock
from radgate_server.settings.settings import Settings
from radgate_server.settings.table import MIB

HOT_INSTANCE_ENTRY_BYTES = 4 * MIB  # larger ones come from disk, which the system keeps in memory too


@dataclass(frozen=True, slots=True)
class Tiers:
    """The near tiers. `by_name` has what each is made of, as certificates of deletion name it.

    `states` has what the PACS said of the studies that are cached.
    """

    hot: HotCache
    derived: HotCache
    store: InstanceStore
    states: HotCache
    by_name: Mapping[str, StudyTier]


async def open_tiers(
    stack: AsyncExitStack,
    settings: Settings,
    keys: StudyKeys | None,
    clock: Clock,
    telemetry: PrometheusTelemetry,
) -> Tiers:
    """Open memory and disk; what is on the disk from before is there at once. With `keys` the disk is encrypted."""
    cache = settings.cache
    shares = TenantShares(cache.tenant_shares)
    hot = MemoryHotCache(
        limit_bytes=cache.hot_bytes,
        entry_limit_bytes=cache.hot_entry_bytes,
        clock=clock,
        telemetry=telemetry,
        shares=shares,
    )
    disk = await open_disk_store(stack, settings, keys, clock, telemetry)
    store = HotInstanceStore(
        disk,
        limit_bytes=cache.hot_instance_bytes,
        entry_limit_bytes=HOT_INSTANCE_ENTRY_BYTES,
        telemetry=telemetry,
        shares=shares,
    )
    derived = await open_derived_cache(stack, settings, keys, clock, telemetry)
    states = await open_state_cache(stack, settings, keys, clock, telemetry)
    telemetry.watch_cache("derived", lambda: derived.used_bytes, settings.imaging.derived_bytes)
    telemetry.watch_cache("hot", lambda: hot.used_bytes, cache.hot_bytes)
    telemetry.watch_cache("hot-instances", lambda: store.used_bytes, cache.hot_instance_bytes)
    telemetry.watch_cache("warm", lambda: disk.used_bytes, cache.warm_bytes)
    by_name: dict[str, StudyTier] = {"hot": hot, "hot-instances": store, "warm": disk, "derived": derived}
    return Tiers(hot, derived, store, states, by_name)
