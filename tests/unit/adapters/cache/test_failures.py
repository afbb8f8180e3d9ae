"""What goes wrong in a tier on disk is reported, and only that."""

import os
from pathlib import Path

import pytest

from radgate_server.adapters.cache.derived.tier import DerivedCache
from radgate_server.adapters.cache.warm.tier import DiskInstanceStore
from radgate_server.core.cache.ports.tiers import CacheKey
from radgate_server.core.errors import CorruptEntryError, StorageFullError
from tests.conformance.instance_store_suite import REF, pattern, received
from tests.fakes.clock import FakeClock
from tests.fakes.telemetry import RecordingTelemetry

DATA = pattern(100_000)
KEY = CacheKey("east", "1.2.3", "thumbnail", "")


def full_disk(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    disk = os.statvfs(folder)
    full = os.statvfs_result((*disk[:3], 0, 0, *disk[5:]))
    monkeypatch.setattr("radgate_server.adapters.cache.disk.layout.os.statvfs", lambda _: full)


def damage(folder: Path, suffix: str) -> None:
    (file,) = (path for path in folder.rglob(f"*{suffix}") if path.is_file() and not path.name.startswith("."))
    file.write_bytes(bytes(file.stat().st_size))


async def test_a_full_disk_below_the_warm_tier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    telemetry = RecordingTelemetry()
    async with DiskInstanceStore(tmp_path, limit_bytes=1 << 20, clock=FakeClock(), telemetry=telemetry) as store:
        full_disk(monkeypatch, tmp_path)
        with pytest.raises(StorageFullError):
            await store.put("east", received(DATA))
    assert telemetry.cache_failures == [("warm", "disk")]


async def test_damage_in_the_warm_tier(tmp_path: Path) -> None:
    telemetry = RecordingTelemetry()
    async with DiskInstanceStore(tmp_path, limit_bytes=1 << 20, clock=FakeClock(), telemetry=telemetry) as store:
        handle = await store.put("east", received(DATA))
        damage(tmp_path, ".p10")
        with pytest.raises(CorruptEntryError):
            await handle.read(0, 10)
        assert await store.get("east", REF) is None
    assert telemetry.cache_failures == [("warm", "damaged")]


async def test_a_tier_that_is_switched_off_does_not_fail(tmp_path: Path) -> None:
    telemetry = RecordingTelemetry()
    async with DiskInstanceStore(tmp_path, limit_bytes=0, clock=FakeClock(), telemetry=telemetry) as store:
        with pytest.raises(StorageFullError):
            await store.put("east", received(DATA))
    assert telemetry.cache_failures == []


async def test_a_full_disk_and_damage_in_the_derived_tier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    telemetry = RecordingTelemetry()
    async with DerivedCache(tmp_path, limit_bytes=1 << 20, clock=FakeClock(), telemetry=telemetry) as cache:
        await cache.put(cache.mark(), KEY, DATA)
        damage(tmp_path, "")
        assert await cache.get(KEY) is None
        full_disk(monkeypatch, tmp_path)
        await cache.put(cache.mark(), KEY, DATA)
    assert telemetry.cache_failures == [("derived", "damaged"), ("derived", "disk")]
