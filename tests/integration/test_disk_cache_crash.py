"""The warm tier after kill -9, on a full disk, and beside another process."""

import asyncio
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from radgate_server.adapters.cache.warm.tier import DiskInstanceStore
from radgate_server.core.errors import CorruptEntryError, StorageFullError
from tests.conformance.instance_store_suite import REF, got, pattern, received, whole
from tests.fakes.clock import FakeClock
from tests.fakes.telemetry import RecordingTelemetry
from tests.integration.disk_cache_writer import LIMIT_BYTES, PLACES, content_of, index_of, ref_of

ROOT = Path(__file__).parents[2]
KILLS = 12


def make(folder: Path, limit_bytes: int = LIMIT_BYTES) -> DiskInstanceStore:
    return DiskInstanceStore(folder, limit_bytes=limit_bytes, clock=FakeClock(), telemetry=RecordingTelemetry())


@contextmanager
def writer(folder: Path, first: int) -> Iterator[subprocess.Popen[str]]:
    """A process that writes into the folder; killed when the block ends."""
    command = [sys.executable, "-m", "tests.integration.disk_cache_writer", str(folder), str(first)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "writing\n"
            yield process
            assert process.poll() is None
        finally:
            process.kill()


async def check_every_entry(folder: Path) -> int:
    """Insist that each instance found is one that was written, whole, and each index its own; return how many."""
    async with make(folder) as store:
        await store.inventory_taken()
        assert list((folder / ".incoming").iterdir()) == []
        found = 0
        for place in range(PLACES):
            handle = await store.get("alpha", ref_of(place))
            if handle is None:
                continue
            found += 1
            data = await whole(handle)
            number = int.from_bytes(data[:8], "little")
            assert number % PLACES == place
            assert data == content_of(number)
            assert await store.load_index("alpha", ref_of(place)) in (None, index_of(number))
        usage = await store.usage("alpha")
        assert usage.entries == found == len(list(folder.rglob("*.p10")))
        assert usage.used_bytes == sum(path.stat().st_size for path in folder.rglob("[!.]*.*") if path.is_file())
        assert usage.used_bytes <= LIMIT_BYTES
        return found


async def test_a_kill_at_any_moment_leaves_only_whole_instances(tmp_path: Path) -> None:
    moments = random.Random(20260101)
    for attempt in range(KILLS):
        with writer(tmp_path, attempt * 100_000):
            time.sleep(moments.uniform(0.0, 0.3))
        await check_every_entry(tmp_path)
    assert await check_every_entry(tmp_path) > 0


async def test_another_process_writes_and_evicts_while_we_read_and_invalidate(tmp_path: Path) -> None:
    with writer(tmp_path, 0):
        async with make(tmp_path) as store:
            reads = 0
            deadline = time.monotonic() + 2
            while time.monotonic() < deadline or reads < 10:
                for place in range(PLACES):
                    handle = await store.get("alpha", ref_of(place))
                    if handle is None:
                        continue
                    try:
                        data = await whole(handle)
                    except CorruptEntryError:
                        continue  # replaced or evicted between the two steps
                    assert data == content_of(int.from_bytes(data[:8], "little"))
                    reads += 1
                assert await store.invalidate("alpha", None) <= PLACES


@pytest.fixture
def short_files() -> Iterator[None]:
    """Let the system end every write at 4 MB of a file, in the middle of a piece, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_000_000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("short_files")
async def test_a_full_disk_refuses_what_does_not_fit_and_serves_what_is_there(tmp_path: Path) -> None:
    async with make(tmp_path, 1 << 40) as store:
        await store.put("alpha", received(pattern(1_000_000)))
        too_large = (store.put(tenant, received(pattern(5_000_000))) for tenant in ("alpha", "beta", "gamma"))
        results = await asyncio.gather(*too_large, return_exceptions=True)
        assert [type(result) for result in results] == [StorageFullError] * 3
        assert list((tmp_path / ".incoming").iterdir()) == []
        assert await store.get("beta", REF) is None
        assert (await store.usage("beta")).used_bytes == 0
        assert await whole(await got(store)) == pattern(1_000_000)
        await store.put("beta", received(pattern(500_000)))
        assert await whole(await got(store, "beta")) == pattern(500_000)
