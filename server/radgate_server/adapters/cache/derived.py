"""The tier of derived things: thumbnails and transcoded instances, which take long to make, on the local disk."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from math import inf
from pathlib import Path
from typing import Self

from radgate_server.adapters.cache.derived_disk import DerivedDisk
from radgate_server.adapters.cache.layout import answer_key, study_hash
from radgate_server.adapters.cache.lookups import Lookups
from radgate_server.core.errors import ConfigurationError
from radgate_server.core.ports.cache import CacheKey, TierUsage
from radgate_server.core.ports.clock import Clock
from radgate_server.core.ports.telemetry import Telemetry

TIER = "derived"
THREADS = 4


class DerivedCache:
    """HotCache below the folder `root`, up to `limit_bytes` for all tenants; 0 keeps nothing.

    What was kept survives the process, killed or not, whole or not at all. Use it as an async context manager: entering
    raises ConfigurationError when the folder can't be made; leaving waits for what is being written.
    """

    def __init__(self, root: Path, *, limit_bytes: int, clock: Clock, telemetry: Telemetry) -> None:
        self._disk = DerivedDisk(root, limit_bytes, clock, partial(telemetry.cache_failed, TIER))
        self._clock = clock
        self._lookups = Lookups(TIER, telemetry)
        self._threads = ThreadPoolExecutor(THREADS, "derived-tier")
        self._stock: Future[None] | None = None

    async def __aenter__(self) -> Self:
        """Make the folder and begin to take stock of it; look-ups need not wait for that."""
        try:
            await self._in_thread(self._disk.prepare)
        except OSError as error:
            self._threads.shutdown(wait=False)
            reason = os.strerror(error.errno or 0)
            raise ConfigurationError(
                f"the folder of derived things (data_dir/derived) can't be made: {reason}"
            ) from None
        self._stock = self._threads.submit(self._disk.take_stock)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Finish what is being written."""
        self._disk.stop()
        await asyncio.to_thread(self._threads.shutdown)

    @property
    def used_bytes(self) -> int:
        """Disk taken for all tenants, as far as stock has been taken. May be asked from any thread."""
        return self._disk.catalogue.used_bytes

    async def stock_taken(self) -> None:
        """Wait until all that an earlier run left is accounted for."""
        if self._stock is not None:
            await asyncio.wrap_future(self._stock)

    async def get(self, key: CacheKey) -> bytes | None:
        """The answer, or None when there is none or it is older than its time to live."""
        entry = answer_key(key)
        lacking = self._disk.surely_lacks(entry)
        answer = None if lacking else await self._in_thread(lambda: self._disk.read(entry))
        self._lookups.record(key.tenant_id, answer is not None)
        return answer

    async def put(self, key: CacheKey, value: bytes, ttl_s: float | None = None) -> None:
        """Keep the answer for `ttl_s` seconds, or until there is no room; too large an answer is not kept."""
        entry = answer_key(key)
        if ttl_s is not None and ttl_s <= 0:
            await self._in_thread(lambda: self._disk.remove(entry))
            return
        expires_s = inf if ttl_s is None else self._clock.now().timestamp() + ttl_s
        await self._in_thread(lambda: self._disk.write(entry, value, expires_s))

    async def invalidate(self, tenant_id: str, study_instance_uid: str | None) -> None:
        """Drop what is kept for the tenant: of one study, or all. Answers of no study are always dropped."""
        groups = (None,) if study_instance_uid is None else (study_hash(study_instance_uid), study_hash(""))
        await self._in_thread(lambda: self._disk.remove_groups(tenant_id, groups))

    async def usage(self, tenant_id: str) -> TierUsage:
        """What is kept for the tenant, as far as stock has been taken; what is too old counts until it is asked for."""
        tally, count = self._disk.catalogue.tally(tenant_id), self._lookups.of(tenant_id)
        limit_bytes = self._disk.catalogue.limit_bytes
        return TierUsage(TIER, tally.entries, tally.used_bytes, limit_bytes, count.hits, count.misses)

    async def _in_thread[T](self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
