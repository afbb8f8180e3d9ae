import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file

from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.dicom.instances import InstanceHandle, MemoryContent, ReceivedInstance
from radgate_server.core.errors import CorruptEntryError, InstanceMalformedError, ObjectNotFoundError
from radgate_server.services.imaging.stored_frames import StoredFrames
from radgate_server.services.retrieve.instances import InstanceReader
from tests.fakes.instance_store import MemoryInstanceStore
from tests.fakes.instances import CT_IMAGE_STORAGE, make_dataset, make_instance, received

REF = InstanceRef("2.25.1", "2.25.1.1", "2.25.1.1.1")


class CountingStore(MemoryInstanceStore):
    """Counts the indexes that are saved."""

    saved = 0

    async def save_index(self, *arguments: object) -> None:
        self.saved += 1
        await super().save_index(*arguments)


@pytest.fixture
def store() -> CountingStore:
    return CountingStore()


@pytest.fixture
def reader(store: CountingStore) -> Iterator[InstanceReader]:
    with ThreadPoolExecutor(1) as executor:
        yield InstanceReader(store, executor)


async def keep(store: MemoryInstanceStore, **options: object) -> InstanceHandle:
    return await store.put("east", received(make_dataset(*_uids(REF), **options)))


def _uids(ref: InstanceRef) -> tuple[str, str, str]:
    return ref.study_instance_uid, ref.series_instance_uid, ref.sop_instance_uid


async def test_an_index_is_made_once_and_kept(store: CountingStore, reader: InstanceReader) -> None:
    handle = await keep(store)
    assert await reader.index("east", handle) == await reader.index("east", handle)
    assert store.saved == 1


async def test_what_is_cached_from_before_the_start_is_learned_when_it_is_first_looked_into(
    store: CountingStore, reader: InstanceReader
) -> None:
    handle = await keep(store)
    await reader.index("east", handle)
    learned: list[InstanceHandle] = []
    with ThreadPoolExecutor(1) as executor:
        restarted = InstanceReader(store, executor, lambda _, handle: learned.append(handle))
        for _ in range(2):
            await restarted.index("east", handle)
    assert learned == [handle]


async def test_nothing_of_an_erased_study_stays_at_hand(store: CountingStore, reader: InstanceReader) -> None:
    handle, frames = await keep(store), StoredFrames(reader)
    index, model = await reader.index("east", handle), await frames.attributes("east", handle)
    for invalidate in (reader.invalidate, frames.invalidate):
        invalidate("west", REF.study_instance_uid)
        invalidate("east", "2.25.2")
    assert await reader.index("east", handle) is index
    assert await frames.attributes("east", handle) is model
    await store.invalidate("east", REF.study_instance_uid)
    for invalidate in (reader.invalidate, frames.invalidate):
        invalidate("east", REF.study_instance_uid)
    for read in (reader.index, frames.attributes):
        with pytest.raises(CorruptEntryError, match=r"^the stored instance is gone$"):
            await read("east", handle)


@pytest.mark.parametrize("asked_for", ["index", "attributes", "image", "content"])
async def test_what_is_read_while_its_study_is_erased_does_not_stay_in_memory(
    store: CountingStore, reader: InstanceReader, asked_for: str
) -> None:
    handle, frames = await keep(store), StoredFrames(reader)
    read = reader.index if asked_for == "index" else getattr(frames, asked_for)
    asked = asyncio.create_task(read("east", handle))
    for _ in range(3):  # until the index is being made, in a thread
        await asyncio.sleep(0)
    await store.invalidate("east", REF.study_instance_uid)
    for cache in (reader, frames):
        cache.invalidate("east", REF.study_instance_uid)
    await asyncio.gather(asked, return_exceptions=True)
    with pytest.raises(CorruptEntryError):
        await read("east", handle)


async def test_the_index_of_an_instance_that_was_replaced_meanwhile_is_not_kept(
    store: CountingStore, reader: InstanceReader
) -> None:
    before = MemoryInstanceStore()
    replaced = await keep(before, number=1)
    await keep(store, number=2)
    await reader.index("east", replaced)
    assert store.saved == 0


async def test_bulk_data_is_read_whole_and_in_part(store: CountingStore, reader: InstanceReader) -> None:
    handle = await keep(store, number=0x0201)
    item = await reader.bulk_item("east", handle, "7FE00010")
    assert await reader.read_bulk("east", handle, item) == b"\x01\x02" * 64
    assert await reader.read_bulk("east", handle, item, offset=1, length=4) == b"\x02\x01\x02\x01"
    with pytest.raises(ObjectNotFoundError):
        await reader.bulk_item("east", handle, "00420011")


async def test_a_malformed_instance_is_an_error_of_its_own(store: CountingStore, reader: InstanceReader) -> None:
    file = make_instance(*_uids(REF))
    cut = ReceivedInstance(REF, CT_IMAGE_STORAGE, "1.2.840.10008.1.2.1", MemoryContent((file[:-20],)))
    with pytest.raises(InstanceMalformedError):
        await reader.index("east", await store.put("east", cut))


async def test_bulk_data_of_a_big_endian_instance_is_given_in_little_endian(
    store: CountingStore, reader: InstanceReader
) -> None:
    file = Path(get_testdata_file("MR_small_bigendian.dcm", download=False)).read_bytes()
    expected = dcmread(get_testdata_file("MR_small.dcm", download=False)).PixelData
    content = MemoryContent((file,))
    handle = await store.put("east", ReceivedInstance(REF, CT_IMAGE_STORAGE, "1.2.840.10008.1.2.2", content))
    item = await reader.bulk_item("east", handle, "7FE00010")
    assert await reader.read_bulk("east", handle, item) == expected
    assert await reader.read_bulk("east", handle, item, offset=3, length=5) == expected[3:8]
