"""Writes answers into a folder of derived things for as long as it lives. Started, and killed, by its test."""

import asyncio
import sys
from pathlib import Path

from radgate_server.adapters.cache.derived.tier import DerivedCache
from radgate_server.core.cache.ports.tiers import CacheKey
from tests.fakes.clock import FakeClock
from tests.fakes.telemetry import RecordingTelemetry

LIMIT_BYTES = 8_000_000
PLACES = 40


def key_of(number: int) -> CacheKey:
    return CacheKey("alpha", "1.2.3", "instance", str(number % PLACES))


def answer_of(number: int) -> bytes:
    """Up to 600 kB that report their number at the start and depend on it throughout."""
    return number.to_bytes(8, "little") + bytes([number % 251]) * (number * 7919 % 600_000)


def make(folder: Path) -> DerivedCache:
    return DerivedCache(folder, limit_bytes=LIMIT_BYTES, clock=FakeClock(), telemetry=RecordingTelemetry())


async def write_for_good(folder: Path) -> None:
    async with make(folder) as cache:

        async def write(start: int) -> None:
            for number in range(start, sys.maxsize, 4):
                await cache.put(cache.mark(), key_of(number), answer_of(number))

        print("writing", flush=True)
        await asyncio.gather(*(write(worker) for worker in range(4)))


if __name__ == "__main__":
    asyncio.run(write_for_good(Path(sys.argv[1])))
