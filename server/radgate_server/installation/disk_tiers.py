"""What is stored below the data folder, cached or in quarantine, as a server opens it and commands beside it."""

from contextlib import AsyncExitStack

from radgate_server.adapters.cache.derived.tier import DerivedCache
from radgate_server.adapters.cache.disk.inventory import Inventory
from radgate_server.adapters.cache.quarantine.folder import QuarantineDisk
from radgate_server.adapters.cache.quarantine.tier import FolderQuarantine
from radgate_server.adapters.cache.tenant_shares import EQUAL_SHARES, TenantShares
from radgate_server.adapters.cache.warm.tier import DiskInstanceStore
from radgate_server.adapters.secrets.quarantine_key import quarantine_key
from radgate_server.core.cache.ports.keys import StudyKeys
from radgate_server.core.telemetry.ports import Telemetry
from radgate_server.lib.clock import Clock
from radgate_server.settings.settings import Settings

__all__ = ["DiskTiers", "Inventory", "open_quarantine"]

STATES_BYTES = 64 << 20  # a state takes less than a kilobyte


class DiskTiers:
    """Opens tiers below the data folder, all with the same keys, shares and way of counting; `stack` closes them."""

    def __init__(
        self,
        stack: AsyncExitStack,
        settings: Settings,
        keys: StudyKeys | None,
        clock: Clock,
        telemetry: Telemetry,
        inventory: Inventory = Inventory.TAKEN,
    ) -> None:
        self._stack = stack
        self._settings = settings
        self._keys = keys
        self._clock = clock
        self._telemetry = telemetry
        self._inventory = inventory
        self._shares = TenantShares(settings.cache.tenant_shares)

    async def warm(self) -> DiskInstanceStore:
        """The warm tier: instances."""
        store = DiskInstanceStore(
            self._settings.process_dir / "warm",
            limit_bytes=self._settings.cache.warm_bytes,
            clock=self._clock,
            telemetry=self._telemetry,
            keys=self._keys,
            shares=self._shares,
            inventory=self._inventory,
        )
        return await self._stack.enter_async_context(store)

    async def answers(self) -> dict[str, DerivedCache]:
        """All tiers of what was made of instances, by name."""
        return {"derived": await self.derived()}

    async def derived(self) -> DerivedCache:
        """The tier of derived things: thumbnails and transcoded instances."""
        return await self._answers("derived", self._settings.imaging.derived_bytes, self._shares)

    async def states(self) -> DerivedCache:
        """The states of cached studies, which outlive the process; no tenant's share is bounded."""
        return await self._answers("states", STATES_BYTES, EQUAL_SHARES)

    async def _answers(self, tier: str, limit_bytes: int, shares: TenantShares) -> DerivedCache:
        """A tier of answers, in the folder of its name."""
        cache = DerivedCache(
            self._settings.process_dir / tier,
            limit_bytes=limit_bytes,
            clock=self._clock,
            telemetry=self._telemetry,
            keys=self._keys,
            shares=shares,
            inventory=self._inventory,
            tier=tier,
        )
        return await self._stack.enter_async_context(cache)


def open_quarantine(settings: Settings, keys: StudyKeys | None, clock: Clock) -> FolderQuarantine:
    """Nothing is made on the disk before something is stored. Raises ConfigurationError: the key file can't be used."""
    key = quarantine_key(settings.data_dir)
    return FolderQuarantine(
        QuarantineDisk(settings.data_dir / "quarantine", settings.quarantine.limits, clock, key, keys)
    )
