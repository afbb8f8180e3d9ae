"""What every InstanceStore must do. An adapter's test subclasses InstanceStoreSuite and overrides `store`."""

import asyncio
from dataclasses import replace
from pathlib import Path

import google_crc32c
import pytest

from radgate_server.core.cache.ports.tiers import InstanceStore
from radgate_server.core.cache.scope import CacheScope
from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.dicom.instance_index import BulkItem, FrameTable, InstanceIndex, Span
from radgate_server.core.dicom.instances import FileContent, InstanceHandle, MemoryContent, Origin, ReceivedInstance
from radgate_server.core.errors import CorruptEntryError

BLOCK = 256 * 1024
SIZES = (0, 1, 1000, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 17)
REF = InstanceRef("1.2.1", "1.2.1.1", "1.2.1.1.1")
INDEX = InstanceIndex(
    transfer_syntax_uid="1.2.840.10008.1.2.1",
    metadata=b'{"00080018":{"vr":"UI","Value":["1.2.1.1.1"]}}',
    frame_table=FrameTable(2, True, ((Span(1000, 10), Span(1018, 5)), (Span(1031, 7),))),
    bulk={"7FE00010": BulkItem("OB", (Span(1000, 10), Span(1018, 5), Span(1031, 7)))},
)


def pattern(size: int, seed: int = 0) -> bytes:
    """Bytes of which no two stretches look alike."""
    words = b"".join((number * 2654435761 + seed & 0xFFFFFFFF).to_bytes(4, "little") for number in range(-(-size // 4)))
    return words[:size]


def received(data: bytes, ref: InstanceRef = REF, transfer_syntax_uid: str = "1.2.840.10008.1.2.1") -> ReceivedInstance:
    """An instance as DIMSE delivers it: in parts."""
    parts = (data[:300], memoryview(data)[300:])
    return ReceivedInstance(ref, "1.2.840.10008.5.1.4.1.1.2", transfer_syntax_uid, MemoryContent(parts))


async def got(store: InstanceStore, tenant: str = "alpha", ref: InstanceRef = REF) -> InstanceHandle:
    handle = await store.get(tenant, ref)
    assert handle is not None
    return handle


async def whole(handle: InstanceHandle) -> bytes:
    return await handle.read(0, handle.size_bytes)


class InstanceStoreSuite:
    """The subclass's store is empty and has room for at least 16 MiB."""

    @pytest.fixture
    def store(self) -> InstanceStore:
        raise AssertionError("a subclass gives the store")

    @pytest.mark.parametrize("size", SIZES)
    async def test_gives_what_was_put(self, store: InstanceStore, size: int) -> None:
        data = pattern(size)
        for handle in (await store.put("alpha", received(data)), await got(store)):
            assert handle.ref == REF
            assert handle.sop_class_uid == "1.2.840.10008.5.1.4.1.1.2"
            assert handle.transfer_syntax_uid == "1.2.840.10008.1.2.1"
            assert handle.size_bytes == size
            assert handle.crc32c == google_crc32c.value(data)
            assert await whole(handle) == data

    @pytest.mark.parametrize("size", SIZES)
    async def test_gives_any_span(self, store: InstanceStore, size: int) -> None:
        data = pattern(size)
        edges = sorted({min(edge, size) for edge in (0, 1, 299, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, size)})
        await store.put("alpha", received(data))
        for start in edges:
            for end in (edge for edge in edges if edge >= start):
                handle = await got(store)  # again each time: some stores read otherwise the second time
                assert await handle.read(start, end - start) == data[start:end]
                view = handle.view(start, end - start)
                assert view is None or (view.readonly and view == data[start:end])

    @pytest.mark.parametrize("span", [(-1, 2), (0, 1001), (1001, 0), (3, -1)])
    async def test_refuses_to_read_outside(self, store: InstanceStore, span: tuple[int, int]) -> None:
        handle = await store.put("alpha", received(pattern(1000)))
        with pytest.raises(ValueError, match="do not lie within"):
            await handle.read(*span)

    @pytest.mark.parametrize("size", SIZES)
    async def test_gives_the_whole_as_one_buffer(self, store: InstanceStore, size: int) -> None:
        data = pattern(size)
        await store.put("alpha", received(data))
        handle = await got(store)

        def copy() -> bytes:
            with handle.open_buffer() as buffer:
                assert buffer.readonly
                return bytes(buffer)

        assert await asyncio.to_thread(copy) == data

    async def test_a_failure_within_the_buffer_passes_through(self, store: InstanceStore) -> None:
        handle = await store.put("alpha", received(pattern(1000)))

        def fail() -> None:
            with handle.open_buffer() as buffer:
                header = buffer[:132]
                raise OSError(len(header))

        with pytest.raises(OSError, match="132"):
            await asyncio.to_thread(fail)
        assert await whole(await got(store)) == pattern(1000)

    async def test_takes_content_from_a_file(self, store: InstanceStore, tmp_path: Path) -> None:
        data = pattern(2 * BLOCK + 5)
        path = tmp_path / "file.dcm"
        path.write_bytes(data)
        await store.put("alpha", replace(received(b""), content=FileContent(path, len(data))))
        handle = await got(store)
        path.unlink()
        assert await handle.read(BLOCK - 2, 4) == data[BLOCK - 2 : BLOCK + 2]
        assert await whole(handle) == data

    async def test_odd_uids_come_back_as_they_came(self, store: InstanceStore) -> None:
        odd = replace(received(b"data"), sop_class_uid="1.2\0", transfer_syntax_uid="")
        await store.put("alpha", odd)
        handle = await got(store)
        assert (handle.sop_class_uid, handle.transfer_syntax_uid) == ("1.2\0", "")

    async def test_knows_nothing_of_others(self, store: InstanceStore) -> None:
        await store.put("alpha", received(b"data"))
        assert await store.get("beta", REF) is None
        assert await store.get("alpha", REF._replace(study_instance_uid="1.2.2")) is None
        assert await store.get("alpha", REF._replace(series_instance_uid="1.2.1.2")) is None
        assert await store.get("alpha", REF._replace(sop_instance_uid="1.2.1.1.2")) is None

    async def test_a_new_copy_replaces_the_old_and_its_index(self, store: InstanceStore) -> None:
        old = await store.put("alpha", received(pattern(1000, 1)))
        await store.save_index("alpha", REF, INDEX)
        await store.put("alpha", received(pattern(2000, 2)))
        assert await whole(await got(store)) == pattern(2000, 2)
        assert await store.load_index("alpha", REF) is None
        assert (await store.usage("alpha")).entries == 1
        with pytest.raises(CorruptEntryError):
            await whole(old)

    async def test_keeps_the_index_beside_the_instance(self, store: InstanceStore) -> None:
        await store.put("alpha", received(pattern(2000)))
        assert await store.load_index("alpha", REF) is None
        await store.save_index("alpha", REF, INDEX)
        for _ in range(2):
            assert await store.load_index("alpha", REF) == INDEX
        assert await store.load_index("beta", REF) is None

    async def test_keeps_no_index_without_its_instance(self, store: InstanceStore) -> None:
        await store.save_index("alpha", REF, INDEX)
        assert await store.load_index("alpha", REF) is None
        assert await store.get("alpha", REF) is None
        assert (await store.usage("alpha")).entries == 0

    async def test_invalidates_one_study_or_all(self, store: InstanceStore) -> None:
        refs = [InstanceRef(f"1.2.{study}", "1.2.3", f"1.2.3.{number}") for study in (1, 2) for number in (1, 2, 3)]
        handles = [await store.put(tenant, received(b"data", ref)) for tenant in ("alpha", "beta") for ref in refs]
        await store.save_index("alpha", refs[0], INDEX)
        assert await store.invalidate("alpha", "1.2.1") == 3
        assert [await store.get("alpha", ref) is None for ref in refs] == [True] * 3 + [False] * 3
        assert await store.load_index("alpha", refs[0]) is None
        with pytest.raises(CorruptEntryError):
            await whole(handles[0])
        assert await store.invalidate("alpha", "1.2.1") == 0
        assert await store.invalidate("alpha", None) == 3
        assert (await store.usage("alpha")).used_bytes == 0
        assert (await store.usage("beta")).entries == 6
        assert await whole(await got(store, "beta", refs[0])) == b"data"

    async def test_invalidates_what_a_scope_covers(self, store: InstanceStore) -> None:
        early, late = Origin("main", 1000.0), Origin("other", 2000.0)
        places = {
            InstanceRef("1.2.1", "1.1", "1.1.1"): early,
            InstanceRef("1.2.1", "1.1", "1.1.2"): late,
            InstanceRef("1.2.1", "1.2", "1.2.1"): early,
            InstanceRef("1.2.2", "1.3", "1.3.1"): late,
            InstanceRef("1.2.2", "1.3", "1.3.2"): Origin("", 1500.0),
        }
        for scope in (
            CacheScope("alpha", "1.2.1", "1.1"),
            CacheScope("alpha", "1.2.1", "1.1", "1.1.2"),
            CacheScope("alpha", pacs="main"),
            CacheScope("alpha", "1.2.1", pacs="other"),
            CacheScope("alpha", fetched_before_s=1500.0),
            CacheScope("alpha", pacs="third"),
            CacheScope("alpha", "1.2.2", fetched_before_s=10.0),
        ):
            for tenant in ("alpha", "beta"):
                for ref, origin in places.items():
                    await store.put(tenant, replace(received(b"data", ref), origin=origin))
            covered = {ref for ref, origin in places.items() if scope.covers(ref, origin)}
            assert await store.count(scope) == len(covered)
            assert await store.invalidate_part(scope) == len(covered)
            assert {ref for ref in places if await store.get("alpha", ref) is None} == covered
            assert (await store.usage("beta")).entries == len(places)

    async def test_what_is_put_without_a_time_was_fetched_now(self, store: InstanceStore) -> None:
        await store.put("alpha", replace(received(b"data"), origin=Origin("main")))
        assert await store.count(CacheScope("alpha", fetched_before_s=10.0)) == 0

    async def test_reports_usage_by_tenant(self, store: InstanceStore) -> None:
        await store.put("alpha", received(pattern(5000)))
        await got(store)
        await got(store)
        await store.get("alpha", REF._replace(sop_instance_uid="9"))
        usage = await store.usage("alpha")
        assert (usage.tier, usage.entries, usage.hits, usage.misses) == ("warm", 1, 2, 1)
        assert 5000 <= usage.used_bytes < 5000 + 4096
        assert usage.limit_bytes >= 16 << 20
        assert (await store.usage("beta")).entries == 0

    async def test_many_may_read_and_write_at_once(self, store: InstanceStore) -> None:
        refs = [REF._replace(sop_instance_uid=f"1.2.{number}") for number in range(30)]
        blobs = [pattern(BLOCK // 2 + number, number) for number in range(30)]

        async def write_and_read(number: int) -> bytes:
            handle = await store.put("alpha", received(blobs[number], refs[number]))
            halves = await asyncio.gather(handle.read(0, 1000), handle.read(1000, handle.size_bytes - 1000))
            return b"".join(halves)

        assert await asyncio.gather(*map(write_and_read, range(30))) == blobs
        assert (await store.usage("alpha")).entries == 30
