"""What is stored below the data folder, cached or in quarantine, as a server opens it and commands beside it."""

from contextlib import AsyncExitStack

from radgate_server.adapters.cache.derived.tier import DerivedCache
from radgate_server.adapters.cache.disk.inventory import Inventory
from radgate_server.adapters.cache.quarantine.folder import QuarantineDisk
from radgate_server.adapters.cache.quarantine.tier import FolderQuarantine
from radgate_server.adapters.cache.tenant_shares import TenantShares
from radgate_server.adapters.cache.warm.tier import DiskInstanceStore
from radgate_server.adapters.secrets.quarantine_key import quarantine_key
from radgate_server.core.cache.ports.keys import StudyKeys
from radgate_server.core.telemetry.ports import Telemetry
from radgate_server.lib.clock import Clock
from radgate_server.settings.settings import Settings

__all__ = ["Inventory", "open_derived_cache", "open_disk_store", "open_quarantine", "open_state_cache"]

STATES_BYTES = 64 << 20  # a state takes less than a kilobyte


async def open_disk_store(
    stack: AsyncExitStack,
    settings: Settings,
    keys: StudyKeys | None,
    clock: Clock,
    telemetry: Telemetry,
    inventory: Inventory = Inventory.TAKEN,
) -> DiskInstanceStore:
    """Open the warm tier below the data folder; `stack` closes it."""
    store = DiskInstanceStore(
        settings.data_dir / "warm",
        limit_bytes=settings.cache.warm_bytes,
        clock=clock,
        telemetry=telemetry,
        keys=keys,
        shares=TenantShares(settings.cache.tenant_shares),
        inventory=inventory,
    )
    return await stack.enter_async_context(store)


async def open_derived_cache(
    stack: AsyncExitStack,
    settings: Settings,
    keys: StudyKeys | None,
    clock: Clock,
    telemetry: Telemetry,
    inventory: Inventory = Inventory.TAKEN,
) -> DerivedCache:
    """Open the tier of derived things below the data folder; `stack` closes it."""
    cache = DerivedCache(
        settings.data_dir / "derived",
        limit_bytes=settings.imaging.derived_bytes,
        clock=clock,
        telemetry=telemetry,
        keys=keys,
        shares=TenantShares(settings.cache.tenant_shares),
        inventory=inventory,
    )
    return await stack.enter_async_context(cache)


async def open_state_cache(
    stack: AsyncExitStack,
    settings: Settings,
    keys: StudyKeys | None,
    clock: Clock,
    telemetry: Telemetry,
    inventory: Inventory = Inventory.TAKEN,
) -> DerivedCache:
    """Open the folder in which the states of cached studies outlive the process; `stack` closes it."""
    cache = DerivedCache(
        settings.data_dir / "states",
        limit_bytes=STATES_BYTES,
        clock=clock,
        telemetry=telemetry,
        keys=keys,
        tier="states",
        inventory=inventory,
    )
    return await stack.enter_async_context(cache)


def open_quarantine(settings: Settings, keys: StudyKeys | None, clock: Clock) -> FolderQuarantine:
    """Nothing is made on the disk before something is stored. Raises ConfigurationError: the key file can't be used."""
    key = quarantine_key(settings.data_dir)
    return FolderQuarantine(
        QuarantineDisk(settings.data_dir / "quarantine", settings.quarantine.limits, clock, key, keys)
    )
