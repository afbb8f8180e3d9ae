"""Frames of instances in every encoding, against pydicom's pixels."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import get_ident

import numpy as np
import pydicom
import pytest

from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.dicom.instances import InstanceHandle, MemoryContent, ReceivedInstance
from radgate_server.core.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN
from radgate_server.core.errors import ObjectNotFoundError
from radgate_server.core.imaging.metadata import reader as metadata_reader
from radgate_server.core.imaging.metadata.instance_content import Frames, Nothing
from radgate_server.core.imaging.metadata.reader import Metadata, read_metadata
from radgate_server.core.imaging.ports import Priority
from radgate_server.lib.answer_cache import AnswerCache
from radgate_server.services.imaging import stored_frames
from radgate_server.services.imaging.stored_frames import StoredFrames
from radgate_server.services.retrieve.instances import InstanceReader
from tests.fakes.instance_store import MemoryInstanceStore
from tests.unit.core.dicom import corpus

REF = InstanceRef("2.25.1", "2.25.1.1", "2.25.1.1.1")
NATIVE = (
    "CT_small.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_implicit.dcm",
    "image_dfl.dcm",
    "liver_expb.dcm",
    "SC_rgb_expb_2frame.dcm",
    "SC_rgb_expb_16bit_2frame.dcm",
    "SC_rgb_expb_32bit_2frame.dcm",
)


@pytest.fixture
def store() -> MemoryInstanceStore:
    return MemoryInstanceStore()


@pytest.fixture
def frames(store: MemoryInstanceStore) -> Iterator[StoredFrames]:
    with ThreadPoolExecutor(1) as executor:
        yield StoredFrames(InstanceReader(store, executor))


async def keep(store: MemoryInstanceStore, name: str, tenant_id: str = "east") -> InstanceHandle:
    file = bytes(corpus.read(name))
    syntax = pydicom.dcmread(corpus.path_of(name), stop_before_pixels=True).file_meta.TransferSyntaxUID
    return await store.put(tenant_id, ReceivedInstance(REF, "1.2", syntax, MemoryContent((file,))))


@pytest.mark.parametrize("name", NATIVE)
async def test_native_frames_are_little_endian(name: str, store: MemoryInstanceStore, frames: StoredFrames) -> None:
    handle = await keep(store, name)
    dataset = pydicom.dcmread(corpus.path_of(name))
    expected = dataset.pixel_array.reshape(int(dataset.get("NumberOfFrames", 1)), -1)
    assert await frames.number_of_frames("east", handle) == len(expected)
    for number, pixels in enumerate(expected, 1):
        frame = await frames.read("east", handle, number)
        assert frame.transfer_syntax_uid == EXPLICIT_VR_LITTLE_ENDIAN
        if frame.image.bits_allocated == 1:
            bits = np.unpackbits(np.frombuffer(frame.data, np.uint8), bitorder="little")
            assert np.array_equal(bits[: pixels.size], pixels)
        else:
            assert frame.data == pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()


@pytest.mark.parametrize(
    "name",
    ["CT_small.dcm", "MR_small_implicit.dcm", "SC_rgb_rle_2frame.dcm", "MR_small_bigendian.dcm", "image_dfl.dcm"],
)
async def test_native_frames_that_can_be_read_in_parts_are_thinned_on_the_way(
    name: str, store: MemoryInstanceStore, frames: StoredFrames, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_frames, "_STRIP_BYTES", 1000)
    handle = await keep(store, name)
    dataset = pydicom.dcmread(corpus.path_of(name))
    async with frames.thinned_at_work("east", handle, 1, 3, Priority.INTERACTIVE) as thinned:
        assert (thinned is not None) is (name in {"CT_small.dcm", "MR_small_implicit.dcm"})
        if thinned is not None:
            expected = dataset.pixel_array[::3, ::3]
            assert thinned.data == expected.tobytes()
            assert (thinned.image.rows, thinned.image.columns) == expected.shape
            assert thinned.transfer_syntax_uid == EXPLICIT_VR_LITTLE_ENDIAN


async def test_encapsulated_frames_come_as_stored(store: MemoryInstanceStore, frames: StoredFrames) -> None:
    handle = await keep(store, "SC_rgb_rle_2frame.dcm")
    stored = pydicom.dcmread(corpus.path_of("SC_rgb_rle_2frame.dcm"))
    expected = list(pydicom.encaps.generate_frames(stored.PixelData, number_of_frames=2))
    read = await frames.read_many("east", handle, (2, 1))
    assert [frame.data for frame in read] == expected[::-1]
    assert {frame.transfer_syntax_uid for frame in read} == {"1.2.840.10008.1.2.5"}


@pytest.mark.parametrize("name", ["CT_small.dcm", "SC_rgb_rle_2frame.dcm", "MR_small_bigendian.dcm"])
async def test_frames_to_be_worked_at_are_those_that_are_read(
    name: str, store: MemoryInstanceStore, frames: StoredFrames
) -> None:
    handle = await keep(store, name)
    read = await frames.read("east", handle, 1)
    assert isinstance(read.data, bytes)
    async with frames.at_work("east", handle, (1,), Priority.INTERACTIVE) as worked_at:
        assert worked_at == [read]
        in_place = isinstance(worked_at[0].data, memoryview)
        assert in_place is (name == "CT_small.dcm"), "most of a file that is in memory is not copied"


async def test_there_are_no_other_frames(store: MemoryInstanceStore, frames: StoredFrames) -> None:
    handle = await keep(store, "CT_small.dcm")
    for number in (0, 2):
        with pytest.raises(ObjectNotFoundError):
            await frames.read("east", handle, number)


async def test_an_object_without_pixels_has_no_frames(store: MemoryInstanceStore, frames: StoredFrames) -> None:
    handle = await keep(store, "rtplan.dcm")
    assert await frames.number_of_frames("east", handle) == 0
    with pytest.raises(ObjectNotFoundError):
        await frames.read("east", handle, 1)


async def test_metadata_are_parsed_once(
    store: MemoryInstanceStore, frames: StoredFrames, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = await keep(store, "SC_rgb_rle_2frame.dcm")
    assert (await frames.attributes("east", handle))["00280008"]["Value"] == [2]
    monkeypatch.setattr(stored_frames, "read_metadata", lambda _: pytest.fail("parsed again"))
    for number in (1, 2):
        assert (await frames.read("east", handle, number)).image.number_of_frames == 2


async def test_large_metadata_are_parsed_once_for_all_who_ask_and_not_in_the_event_loop(
    store: MemoryInstanceStore, frames: StoredFrames, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []

    def read(metadata: bytes) -> Metadata:
        threads.append(get_ident())
        return read_metadata(metadata)

    monkeypatch.setattr(stored_frames, "LARGE_BYTES", 100)
    monkeypatch.setattr(metadata_reader, "LARGE_BYTES", 100)
    monkeypatch.setattr(stored_frames, "read_metadata", read)
    monkeypatch.setattr(stored_frames, "_CACHED_METADATA_BYTES", 7300)
    frames._models = AnswerCache(7300)  # less than the metadata, more than without the groups of single frames
    handle = await keep(store, "eCT_Supplemental.dcm")
    models = await asyncio.gather(*(frames.attributes("east", handle) for _ in range(3)))
    models.append(await frames.attributes("east", handle))
    assert all(model is models[0] for model in models)
    assert len(threads) == 1
    assert get_ident() not in threads


async def test_what_an_instance_shows_is_reported_once_until_its_study_is_forgotten(
    store: MemoryInstanceStore, frames: StoredFrames, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = await keep(store, "SC_rgb_rle_2frame.dcm")
    first = await frames.content("east", handle)
    assert isinstance(first, Frames)
    assert first.count == 2
    monkeypatch.setattr(stored_frames, "content_of", lambda *_: Nothing())
    assert await frames.content("east", handle) is first
    frames.invalidate("east", REF.study_instance_uid)
    assert await frames.content("east", handle) == Nothing()


async def test_other_bytes_and_other_tenants_are_other_images(store: MemoryInstanceStore, frames: StoredFrames) -> None:
    first = await frames.image("east", await keep(store, "CT_small.dcm"))
    other_tenant = await frames.image("west", await keep(store, "SC_rgb_rle_2frame.dcm", "west"))
    replaced = await frames.image("east", await keep(store, "MR_small.dcm"))
    assert (first.rows, other_tenant.rows, replaced.rows) == (128, 100, 64)
