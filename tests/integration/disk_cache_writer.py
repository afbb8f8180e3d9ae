"""Writes instances into a warm folder for as long as it lives. Started, and killed, by test_disk_cache_crash.py.

Instance n is n-dependent bytes under a UID that ends in n % 40, so that copies are replaced and, by the limit, evicted.
"""

import asyncio
import sys
from pathlib import Path

from radgate_server.adapters.cache.warm.tier import DiskInstanceStore
from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.dicom.instance_index import InstanceIndex
from radgate_server.core.dicom.instances import MemoryContent, ReceivedInstance
from tests.fakes.clock import FakeClock
from tests.fakes.telemetry import RecordingTelemetry

LIMIT_BYTES = 12_000_000
PLACES = 40


def content_of(number: int) -> bytes:
    """Up to 1.2 MB that report their number at the start and depend on it throughout."""
    return number.to_bytes(8, "little") + bytes([number % 251]) * (number * 7919 % 1_200_000)


def ref_of(number: int) -> InstanceRef:
    return InstanceRef("1.2.3", "1.2.3.4", f"1.2.3.4.{number % PLACES}")


def index_of(number: int) -> InstanceIndex:
    return InstanceIndex("1.2.840.10008.1.2", str(number).encode() * 1000, None, {})


async def write_for_good(folder: Path, first: int) -> None:
    async with DiskInstanceStore(
        folder, limit_bytes=LIMIT_BYTES, clock=FakeClock(), telemetry=RecordingTelemetry()
    ) as store:

        async def write(start: int) -> None:
            for number in range(start, sys.maxsize, 4):
                content = MemoryContent((content_of(number),))
                await store.put("alpha", ReceivedInstance(ref_of(number), "", "", content))
                await store.save_index("alpha", ref_of(number), index_of(number))

        print("writing", flush=True)
        await asyncio.gather(*(write(first + worker) for worker in range(4)))


if __name__ == "__main__":
    asyncio.run(write_for_good(Path(sys.argv[1]), int(sys.argv[2])))
