import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from radgate_server.adapters.cache.memory.instances import HotInstanceStore, HotKey
from radgate_server.core.dicom.instances import FileContent, InstanceHandle, ReceivedInstance
from radgate_server.core.errors import CorruptEntryError, StorageFullError
from tests.conformance.instance_store_suite import INDEX, REF, got, pattern, received, whole
from tests.fakes.instance_store import MemoryInstanceStore, StoredInstance
from tests.fakes.telemetry import RecordingTelemetry

DATA = pattern(100_000)


class CountingStore(MemoryInstanceStore):
    """Counts what is read of it; reads wait while `gate` is shut."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[tuple[int, int]] = []
        self.gets = 0
        self.index_loads = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def put(self, tenant_id: str, instance: ReceivedInstance) -> InstanceHandle:
        await super().put(tenant_id, instance)
        return CountedInstance(self, tenant_id, self.instances[tenant_id, instance.ref])

    async def get(self, tenant_id, ref):  # type: ignore[no-untyped-def]
        self.gets += 1
        handle = await super().get(tenant_id, ref)
        return None if handle is None else CountedInstance(self, tenant_id, self.instances[tenant_id, ref])

    async def load_index(self, tenant_id, ref):  # type: ignore[no-untyped-def]
        self.index_loads += 1
        index = await super().load_index(tenant_id, ref)
        await self.gate.wait()
        return index


class CountedInstance(StoredInstance):
    async def read(self, offset: int, length: int) -> bytes:
        assert isinstance(self._store, CountingStore)
        self._store.reads.append((offset, length))
        data = await super().read(offset, length)
        await self._store.gate.wait()
        return data


@pytest.fixture
def inner() -> CountingStore:
    return CountingStore()


def make(inner: CountingStore, limit_bytes: int = 1 << 20, entry_limit_bytes: int = 1 << 20) -> HotInstanceStore:
    return HotInstanceStore(
        inner, limit_bytes=limit_bytes, entry_limit_bytes=entry_limit_bytes, telemetry=RecordingTelemetry()
    )


async def test_what_arrives_in_memory_is_read_from_memory(inner: CountingStore) -> None:
    store = make(inner)
    handle = await store.put("alpha", received(DATA))
    assert await whole(handle) == DATA
    assert await (await got(store)).read(10, 10) == DATA[10:20]
    assert (inner.gets, inner.reads) == (0, [])


async def test_most_of_what_is_in_memory_is_seen_where_it_lies(inner: CountingStore) -> None:
    store = make(inner)
    handle = await store.put("alpha", received(DATA))
    kept = store.in_memory(HotKey("alpha", *REF), handle.crc32c)
    view = handle.view(10, 60_000)
    assert view is not None
    assert view.obj is kept
    assert view == DATA[10:60_010]
    assert handle.view(10, 10) is None, "a few bytes would keep all of it in memory"
    with pytest.raises(ValueError, match="do not lie within"):
        handle.view(0, len(DATA) + 1)


async def test_what_is_not_in_memory_can_not_be_seen(inner: CountingStore) -> None:
    handle = await inner.put("alpha", received(DATA))
    assert (await got(make(inner))).view(0, handle.size_bytes) is None
    assert inner.reads == []


async def test_a_read_of_most_of_it_brings_it_in(inner: CountingStore) -> None:
    await inner.put("alpha", received(DATA))
    store = make(inner)
    handle = await got(store)
    assert await handle.read(0, 60_000) == DATA[:60_000]
    assert await handle.read(60_000, 40_000) == DATA[60_000:]
    assert await whole(await got(store)) == DATA
    assert (inner.gets, inner.reads) == (1, [(0, 100_000)])


async def test_a_second_read_brings_it_in(inner: CountingStore) -> None:
    await inner.put("alpha", received(DATA))
    handle = await got(make(inner))
    for start in (0, 100, 200, 300):
        assert await handle.read(start, 100) == DATA[start : start + 100]
    assert inner.reads == [(0, 100), (0, 100_000)]


async def test_what_comes_from_a_file_waits_for_its_first_reader(inner: CountingStore, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(DATA)
    store = make(inner)
    content = FileContent(tmp_path / "file", len(DATA))
    handle = await store.put("alpha", replace(received(b""), content=content))
    assert await whole(handle) == await whole(handle) == DATA
    assert inner.reads == [(0, 100_000)]


async def test_too_large_an_instance_stays_out(inner: CountingStore) -> None:
    store = make(inner, entry_limit_bytes=99_999)
    handle = await store.put("alpha", received(DATA))
    for _ in range(3):
        assert await handle.read(0, 90_000) == DATA[:90_000]
    assert inner.reads == [(0, 90_000)] * 3


async def test_what_is_pushed_out_is_read_from_the_inner_store(inner: CountingStore) -> None:
    store = make(inner, limit_bytes=250_000)  # two instances fit
    refs = [REF._replace(sop_instance_uid=f"1.2.{number}") for number in range(3)]
    handles = [await store.put("alpha", received(pattern(100_000, number), refs[number])) for number in range(3)]
    assert await whole(handles[2]) == pattern(100_000, 2)
    assert inner.reads == []
    assert await whole(handles[0]) == pattern(100_000, 0)
    assert inner.reads == [(0, 100_000)]


async def test_reading_round_a_memory_that_is_too_small_reads_no_more_than_it_must(inner: CountingStore) -> None:
    store = make(inner, limit_bytes=150_000)
    refs = [REF._replace(sop_instance_uid=f"1.2.{number}") for number in range(2)]
    handles = [await store.put("alpha", received(DATA, ref)) for ref in refs]
    for start in range(0, 1000, 100):
        for handle in handles:
            await handle.read(start, 100)
    assert inner.reads.count((0, 100_000)) <= 4


async def test_a_full_store_keeps_nothing_in_memory_either(inner: CountingStore) -> None:
    store = make(inner)
    await store.put("alpha", received(DATA))
    inner.full = True
    with pytest.raises(StorageFullError):
        await store.put("alpha", received(pattern(10)))
    assert await whole(await got(store)) == DATA


async def test_the_index_comes_from_memory_the_second_time(inner: CountingStore) -> None:
    store = make(inner)
    await store.put("alpha", received(DATA))
    await store.save_index("alpha", REF, INDEX)
    for _ in range(3):
        assert await store.load_index("alpha", REF) == INDEX
    assert inner.index_loads == 1
    assert await whole(await got(store)) == DATA
    assert inner.reads == []
    await store.invalidate("alpha", None)
    assert await store.load_index("alpha", REF) is None


async def test_a_load_that_an_invalidation_overtakes_is_not_kept(inner: CountingStore) -> None:
    await inner.put("alpha", received(DATA))
    store = make(inner)
    handle = await got(store)
    inner.gate.clear()
    reading = asyncio.create_task(whole(handle))
    await asyncio.sleep(0)
    assert await store.invalidate("alpha", REF.study_instance_uid) == 1
    inner.gate.set()
    assert await reading == DATA
    assert await store.get("alpha", REF) is None
    with pytest.raises(CorruptEntryError):
        await whole(handle)


async def test_a_load_that_a_newer_copy_overtakes_is_not_kept(inner: CountingStore) -> None:
    await inner.put("alpha", received(DATA))
    store = make(inner, entry_limit_bytes=150_000)
    handle = await got(store)
    inner.gate.clear()
    reading = asyncio.create_task(whole(handle))
    await asyncio.sleep(0)
    await store.put("alpha", received(pattern(200_000, 7)))
    inner.gate.set()
    assert await reading == DATA
    assert await whole(await got(store)) == pattern(200_000, 7)


async def test_the_inner_store_hears_of_use_and_we_of_its_losses(inner: CountingStore) -> None:
    store = make(inner)
    await store.put("alpha", received(DATA))
    for _ in range(100):
        await got(store)
    assert 1 <= inner.gets <= 10
    inner.damage("alpha", REF)
    found = [await store.get("alpha", REF) is not None for _ in range(20)]
    assert found[-1] is False


async def test_an_index_that_a_newer_copy_overtakes_is_not_kept(inner: CountingStore) -> None:
    store = make(inner)
    await store.put("alpha", received(DATA))
    await store.save_index("alpha", REF, INDEX)
    inner.gate.clear()
    loading = asyncio.create_task(store.load_index("alpha", REF))
    await asyncio.sleep(0)
    await store.put("alpha", received(pattern(10)))
    inner.gate.set()
    assert await loading == INDEX
    assert await store.load_index("alpha", REF) is None


async def test_hits_in_memory_count_as_hits_of_the_tier(inner: CountingStore) -> None:
    telemetry = RecordingTelemetry()
    store = HotInstanceStore(inner, limit_bytes=1 << 20, entry_limit_bytes=1 << 20, telemetry=telemetry)
    await store.get("alpha", REF)
    await store.put("alpha", received(DATA))
    await got(store)
    usage = await store.usage("alpha")
    assert (usage.tier, usage.entries, usage.hits, usage.misses) == ("warm", 1, 1, 1)
    assert telemetry.lookups == [("hot-instances", False), ("hot-instances", True)]
    memory = await store.memory_usage("alpha")
    assert (memory.tier, memory.entries, memory.hits, memory.misses) == ("hot-instances", 1, 1, 1)
    assert memory.limit_bytes == 1 << 20 > memory.used_bytes > len(DATA)
    assert (await store.memory_usage("beta")).entries == 0
