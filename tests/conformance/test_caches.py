from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from radgate_server.adapters.cache.derived.tier import DerivedCache
from radgate_server.adapters.cache.memory.answers import MemoryHotCache
from radgate_server.adapters.cache.memory.instances import HotInstanceStore
from radgate_server.adapters.cache.warm.tier import DiskInstanceStore
from radgate_server.core.cache.ports.tiers import HotCache, InstanceStore
from tests.conformance.hot_cache_suite import HotCacheSuite
from tests.conformance.instance_store_suite import InstanceStoreSuite
from tests.fakes.clock import FakeClock
from tests.fakes.instance_store import MemoryInstanceStore
from tests.fakes.study_keys import MemoryStudyKeys
from tests.fakes.telemetry import RecordingTelemetry

MIB = 1 << 20


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


class TestMemoryHotCache(HotCacheSuite):
    @pytest.fixture
    def cache(self, clock: FakeClock) -> HotCache:
        return MemoryHotCache(limit_bytes=2 * MIB, entry_limit_bytes=MIB, clock=clock, telemetry=RecordingTelemetry())


@pytest.fixture
async def derived(tmp_path: Path, clock: FakeClock) -> AsyncIterator[HotCache]:
    async with DerivedCache(
        tmp_path / "derived", limit_bytes=2 * MIB, clock=clock, telemetry=RecordingTelemetry()
    ) as cache:
        yield cache


class TestDerivedCache(HotCacheSuite):
    @pytest.fixture
    def cache(self, derived: HotCache) -> HotCache:
        return derived


class TestEncryptedDerivedCache(HotCacheSuite):
    @pytest.fixture
    async def cache(self, tmp_path: Path, clock: FakeClock) -> AsyncIterator[HotCache]:
        async with DerivedCache(
            tmp_path, limit_bytes=2 * MIB, clock=clock, telemetry=RecordingTelemetry(), keys=MemoryStudyKeys()
        ) as cache:
            yield cache


class TestMemoryInstanceStore(InstanceStoreSuite):
    @pytest.fixture
    def store(self) -> InstanceStore:
        return MemoryInstanceStore()


@pytest.fixture
async def disk(tmp_path: Path) -> AsyncIterator[InstanceStore]:
    async with DiskInstanceStore(
        tmp_path / "warm", limit_bytes=64 * MIB, clock=FakeClock(), telemetry=RecordingTelemetry()
    ) as store:
        yield store


class TestDiskInstanceStore(InstanceStoreSuite):
    @pytest.fixture
    def store(self, disk: InstanceStore) -> InstanceStore:
        return disk


class TestEncryptedInstanceStore(InstanceStoreSuite):
    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[InstanceStore]:
        telemetry, keys = RecordingTelemetry(), MemoryStudyKeys()
        async with DiskInstanceStore(
            tmp_path, limit_bytes=64 * MIB, clock=FakeClock(), telemetry=telemetry, keys=keys
        ) as store:
            yield store


class TestHotInstanceStore(InstanceStoreSuite):
    """With memory for everything."""

    @pytest.fixture
    def store(self, disk: InstanceStore) -> InstanceStore:
        return HotInstanceStore(disk, limit_bytes=64 * MIB, entry_limit_bytes=16 * MIB, telemetry=RecordingTelemetry())


class TestHotInstanceStoreShortOfMemory(InstanceStoreSuite):
    """With memory for one or two instances."""

    @pytest.fixture
    def store(self, disk: InstanceStore) -> InstanceStore:
        return HotInstanceStore(disk, limit_bytes=600_000, entry_limit_bytes=300_000, telemetry=RecordingTelemetry())


class TestHotInstanceStoreWithoutMemory(InstanceStoreSuite):
    """With memory for nothing."""

    @pytest.fixture
    def store(self, disk: InstanceStore) -> InstanceStore:
        return HotInstanceStore(disk, limit_bytes=0, entry_limit_bytes=0, telemetry=RecordingTelemetry())
