"""What every tier on the local disk has: its threads, its beginning and end, and what it reports of itself."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

from radgate_server.adapters.cache.disk.inventory import AccountedDisk, Inventory
from radgate_server.adapters.cache.disk.layout import study_hash
from radgate_server.core.cache.ports.tiers import TierUsage
from radgate_server.core.errors import ConfigurationError
from radgate_server.core.retention.ports.erasure import Held
from radgate_server.core.telemetry.ports import Telemetry
from radgate_server.services.cache.lookups import Lookups
from radgate_server.services.repeating import Repeated

COUNT_INTERVAL_S = 60.0
"""How old the count may become that commands read."""


class DiskTier[Disk: AccountedDisk]:
    """A tier over `disk`, whose work runs in `threads` threads.

    Use it as an async context manager: entering raises ConfigurationError when the folder, which `folder` names in
    words, can't be made; leaving waits for what is being written. `inventory` says how it knows what lies there.
    """

    def __init__(
        self,
        tier: str,
        folder: str,
        disk: Disk,
        threads: int,
        telemetry: Telemetry,
        inventory: Inventory = Inventory.TAKEN,
    ) -> None:
        self._tier = tier
        self._folder = folder
        self._disk = disk
        self._lookups = Lookups(tier, telemetry)
        self._threads = ThreadPoolExecutor(threads, f"{tier}-tier")
        self._inventory_kind = inventory
        self._inventory: Future[None] | None = None
        self._counts = Repeated(
            self._save_count,
            f"{tier}-count",
            interval_s=COUNT_INTERVAL_S,
            trouble=f"what the tier {tier} holds can't be counted",
        )

    async def __aenter__(self) -> Self:
        """Make the folder and begin to take stock of it; look-ups need not wait for that."""
        try:
            await self._in_thread(self._disk.prepare)
        except OSError as error:
            self._threads.shutdown(wait=False)
            reason = os.strerror(error.errno or 0)
            raise ConfigurationError(f"{self._folder} can't be made: {reason}") from None
        if self._inventory_kind is Inventory.TAKEN:
            self._inventory = self._threads.submit(self._disk.take_inventory)
            self._counts.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Finish what is being written."""
        self._disk.stop()
        await self._counts.close()
        await asyncio.to_thread(self._threads.shutdown)
        await asyncio.to_thread(self._disk.save_count)

    @property
    def used_bytes(self) -> int:
        """Disk taken for all tenants, as far as stock has been taken. May be asked from any thread."""
        return self._disk.catalogue.used_bytes

    async def inventory_taken(self) -> None:
        """Wait until all that an earlier run left is accounted for."""
        if self._inventory is not None:
            await asyncio.wrap_future(self._inventory)

    async def usage(self, tenant_id: str) -> TierUsage:
        """What is kept for the tenant, as far as stock has been taken; what is too old counts until it is asked for."""
        tally, lookups, as_of = self._disk.catalogue.tally(tenant_id), self._lookups.of(tenant_id), None
        if self._inventory_kind is not Inventory.TAKEN:
            count = await self._in_thread(lambda: self._disk.count(tenant_id, self._inventory_kind))
            tally, as_of = count.of(tenant_id), count.time
        limit_bytes, evictions = self._disk.catalogue.limit_bytes, self._disk.catalogue.evictions(tenant_id)
        hits, misses = lookups.hits, lookups.misses
        return TierUsage(self._tier, tally.entries, tally.used_bytes, limit_bytes, hits, misses, as_of, evictions)

    async def held(self, tenant_id: str, study_instance_uid: str) -> Held:
        """What lies on the disk of the study."""
        study = study_hash(study_instance_uid)
        return Held(*await self._in_thread(lambda: self._disk.measure(tenant_id, study)))

    async def _in_thread[T](self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def _save_count(self) -> None:
        """Leave the count for commands, first when all stock has been taken."""
        await self.inventory_taken()
        await self._in_thread(self._disk.save_count)
