"""The tier of packs: what servers share, on a store in memory (tests/integration/test_packs.py has a real one)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from radgate_server.adapters.cache.disk.layout import study_hash
from radgate_server.adapters.cache.packs.care import ORPHAN_AGE, PackCare
from radgate_server.adapters.cache.tenant_shares import EQUAL_SHARES
from radgate_server.core.cache.ports.tiers import InstanceStore
from radgate_server.core.cache.scope import CacheScope
from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.errors import CorruptEntryError
from radgate_server.settings.cache import S3Settings
from tests.conformance.instance_store_suite import REF, InstanceStoreSuite, got, pattern, received, whole
from tests.fakes.clock import FakeClock
from tests.fakes.pack_machines import MIB, PackCluster, RecordedStates
from tests.fakes.packs import MemoryPackIndex
from tests.fakes.study_keys import MemoryStudyKeys

STUDY = REF.study_instance_uid


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PackCluster:
    bucket = MemoryStore()
    monkeypatch.setattr("radgate_server.adapters.cache.packs.object_store.open_store", lambda *_: bucket)
    clock = FakeClock()
    settings = S3Settings(bucket="radgate", timeout_s=20, pause_s=60)
    return PackCluster(settings, tmp_path, clock, MemoryPackIndex(clock.now), MemoryStudyKeys())


class TestChainedInstanceStore(InstanceStoreSuite):
    """The chain is an InstanceStore as the disk is."""

    @pytest.fixture
    async def store(self, cluster: PackCluster) -> AsyncIterator[InstanceStore]:
        async with cluster.machine() as machine:
            yield machine.chain


async def test_erasing_the_key_erases_what_is_there(cluster: PackCluster) -> None:
    async with cluster.machine() as one, cluster.machine() as two:
        await one.chain.put("alpha", received(pattern(5000)))
        await one.writer.settle()
        assert (await two.tier.held("alpha", STUDY)).entries == 1
        cluster.keys.keys.clear()
        handle = await got(two.chain)
        with pytest.raises(CorruptEntryError):
            await whole(handle)
        assert await two.chain.get("alpha", REF) is None


async def test_a_disk_without_room_is_passed_by(cluster: PackCluster) -> None:
    async with cluster.machine() as one, cluster.machine(disk_bytes=1000) as full:
        await one.chain.put("alpha", received(pattern(5000)))
        await one.writer.settle()
        handle = await got(full.chain)
        assert await whole(handle) == pattern(5000)

        def buffered() -> bytes:
            with handle.open_buffer() as buffer:
                return bytes(buffer)

        assert await asyncio.to_thread(buffered) == pattern(5000)
        assert await full.disk.get("alpha", REF) is None


async def test_of_two_writers_of_one_instance_the_first_owns_it(cluster: PackCluster) -> None:
    async with cluster.machine() as one, cluster.machine() as two:
        for machine in (one, two):
            await machine.chain.put("alpha", received(pattern(5000)))
        await one.writer.settle()
        await two.writer.settle()
        assert len(cluster.index.packs) == 1
        objects = [stored async for page in two.tier.parts.objects.pages() for stored in page]
        assert [stored.object_key for stored in objects] == list(cluster.index.packs), "the loser deleted its own"


async def test_of_two_writers_of_a_large_instance_the_first_owns_it(
    cluster: PackCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is uploaded in parts, without a condition: each writer has a key of its own, and the database decides."""
    monkeypatch.setattr("radgate_server.adapters.cache.packs.writer.WHOLE_BYTES", MIB)
    monkeypatch.setattr("radgate_server.adapters.cache.packs.object_store._PART_BYTES", 5 * MIB)
    data = pattern(6 * MIB)
    async with cluster.machine() as one, cluster.machine() as two, cluster.machine() as three:
        for machine in (one, two):
            await machine.chain.put("alpha", received(data))
        await asyncio.gather(one.writer.settle(), two.writer.settle())
        objects = [stored.object_key async for page in one.tier.parts.objects.pages() for stored in page]
        assert objects == list(cluster.index.packs), "the loser deleted its own"
        assert await whole(await got(three.chain)) == data


async def test_an_upload_whose_answer_was_lost_is_not_one_that_failed(cluster: PackCluster) -> None:
    async with cluster.machine() as one:
        objects = one.tier.parts.objects
        for _ in range(2):
            await objects.write("key", b"sealed", 6)
        assert await objects.read("key", 0, 6) == b"sealed"
        assert [outcome for _, name, outcome in one.telemetry.cache_operations if name == "put"] == ["ok", "ok"]


async def test_an_invalidation_is_for_packs_too(cluster: PackCluster) -> None:
    async with cluster.machine() as one, cluster.machine() as two:
        await one.chain.put("alpha", received(pattern(5000)))
        await one.writer.settle()
        old = await got(two.chain)
        assert await one.chain.invalidate("alpha", STUDY) == 1
        await one.chain.put("alpha", received(pattern(6000, 1)))
        await one.chain.invalidate("alpha", STUDY)
        await one.writer.settle()
        assert cluster.index.packs == {}, "what was waiting to be uploaded is uploaded no more"
        cluster.clock.advance(10)
        assert await two.chain.get("alpha", REF) is None
        with pytest.raises(CorruptEntryError):
            await whole(old)


async def test_limits_are_kept_and_orphans_swept(cluster: PackCluster) -> None:
    async with cluster.machine(limit_bytes=2_500_000) as one:
        for number in range(3):
            ref = InstanceRef(f"1.9.{number}", "1.1", "1.1.1")
            await one.chain.put("alpha", received(pattern(MIB), ref))
            await one.writer.settle()
            cluster.clock.advance(60)
        care = PackCare(one.tier, EQUAL_SHARES, timedelta(days=30))
        await care.look()
        assert [pack.study for pack in cluster.index.packs.values()] == [study_hash(f"1.9.{n}") for n in (1, 2)]
        assert one.tier.used_bytes < 2_500_000
        usage = await one.tier.usage("alpha")
        assert (usage.entries, usage.evictions) == (2, 1)
        await cluster.index.drop_packs(list(cluster.index.packs)[:1])
        assert await care.sweep() == 0, "it may be an upload that is not entered yet"
        cluster.clock.advance(3650 * 86_400 + ORPHAN_AGE.total_seconds())
        assert await care.sweep() == 1
        await care.look()
        assert cluster.index.packs == {}, "too old"


async def test_what_was_fetched_under_another_state_is_not_served(cluster: PackCluster) -> None:
    states = RecordedStates()
    async with cluster.machine() as one, cluster.machine(states=states) as two:
        await one.chain.put("alpha", received(pattern(5000)))
        await one.writer.settle()
        handle = await got(two.chain)
        states.known = b"corrected since"
        with pytest.raises(CorruptEntryError, match="invalidated"):
            await whole(handle)
        assert await two.chain.get("alpha", REF) is None
        assert ("s3", "unconfirmed") in two.telemetry.cache_failures
        assert await two.disk.get("alpha", REF) is None
        await two.chain.put("alpha", received(pattern(5000)))
        await two.writer.settle()
        cluster.clock.advance(10)
        assert await one.chain.get("alpha", REF) is not None, "its own copy"
        (row,) = (await cluster.index.of_study("alpha", study_hash(STUDY))).values()
        assert row.state == b"corrected since", "the newer one is what is shared"


async def test_without_a_state_nothing_is_shared(cluster: PackCluster) -> None:
    async with cluster.machine(states=RecordedStates(None)) as one:
        await one.chain.put("alpha", received(pattern(5000)))
        await one.writer.settle()
        assert cluster.index.packs == {}


async def test_an_invalidation_that_was_not_heard_yet_wins_over_an_upload(cluster: PackCluster) -> None:
    states = RecordedStates(seen=7)
    async with cluster.machine(states=states) as one:
        await one.chain.put("alpha", received(pattern(5000)))
        cluster.index.invalidated.append((8, "alpha", STUDY))
        await one.writer.settle()
        assert cluster.index.packs == {}
        assert [stored async for page in one.tier.parts.objects.pages() for stored in page] == []


async def test_an_invalidation_that_is_heard_late_leaves_what_was_fetched_since(cluster: PackCluster) -> None:
    late = RecordedStates(seen=7)
    async with cluster.machine(states=RecordedStates(seen=8)) as one, cluster.machine(states=late) as two:
        await one.chain.put("alpha", received(pattern(5000)))
        await one.writer.settle()
        await two.chain.invalidate("alpha", STUDY)
        assert await whole(await got(two.chain)) == pattern(5000)
        late.seen = 8
        await two.chain.invalidate("alpha", STUDY)
        assert cluster.index.packs == {}


async def test_a_part_that_is_invalidated_takes_the_packs_of_its_study(cluster: PackCluster) -> None:
    other = REF._replace(sop_instance_uid="1.2.9")
    async with cluster.machine() as one:
        for ref in (REF, other):
            await one.chain.put("alpha", received(pattern(5000), ref))
        await one.writer.settle()
        assert await one.chain.count(CacheScope("alpha", STUDY)) == 2
        assert await one.chain.invalidate_part(CacheScope("alpha", *REF)) == 1
        assert cluster.index.packs == {}
        assert await one.disk.get("alpha", other) is not None
