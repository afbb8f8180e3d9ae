"""Small instances, transcoded in one go: what comes out is what comes out step by step, with less done for it."""

import mmap
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from pydicom.dataset import Dataset

from radgate_server.core.dicom.instances import MemoryContent
from radgate_server.core.imaging.frames import EncodeTarget
from radgate_server.core.imaging.ports import Priority
from radgate_server.core.imaging.single_frame import take_apart
from radgate_server.services.imaging import small_files
from tests.fakes.frame_workers import WorkersCall
from tests.fakes.instances import encode, make_dataset, received
from tests.fakes.transcoder import TranscodingBench, transcoding_bench
from tests.unit.core.dicom import corpus
from tests.unit.core.dicom.corpus import BytesHandle

EVRLE, HTJ2K, HTJ2K_LOSSY = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203"
RLE, JPEG_LS = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.80"
SOURCES = (
    "CT_small.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_implicit.dcm",
    "MR_small_RLE.dcm",
    "SC_rgb_rle_2frame.dcm",
    "SC_rgb_jpeg_dcmtk.dcm",
    "image_dfl.dcm",
    "JPEG2000.dcm",
)

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.fixture
def bench() -> Iterator[TranscodingBench]:
    with transcoding_bench() as bench:
        yield bench


def signed_behind_pixels(**attributes: object) -> bytes:
    dataset = make_dataset("2.25.1", "2.25.1.1", "2.25.1.1.1", **attributes)
    dataset.DataSetTrailingPadding = b"behind the pixels"
    dataset.DigitalSignaturesSequence = [Dataset()]
    return encode(dataset)


async def transcode(data: bytes | memoryview, target: EncodeTarget) -> bytes:
    with transcoding_bench() as bench:
        made = await bench.transcoder.instance("east", BytesHandle(data), target, Priority.INTERACTIVE)
        return b"".join(made.content.pieces(1000))


@pytest.mark.parametrize("syntax", [EVRLE, RLE, JPEG_LS, HTJ2K, HTJ2K_LOSSY])
@pytest.mark.parametrize("name", SOURCES)
async def test_it_is_what_is_made_step_by_step(name: str, syntax: str, monkeypatch: pytest.MonkeyPatch) -> None:
    in_one_go = await transcode(corpus.read(name), EncodeTarget(syntax))
    monkeypatch.setattr(small_files, "SMALL_BYTES", 0)
    assert in_one_go == await transcode(corpus.read(name), EncodeTarget(syntax))


def test_a_frame_is_not_copied_out_of_bytes_but_out_of_memory_that_is_mapped() -> None:
    file = encode(make_dataset("2.25.1", "2.25.1.1", "2.25.1.1.1"))
    apart = take_apart(memoryview(file))
    assert apart is not None
    assert memoryview(apart.frame.data).obj is file
    with mmap.mmap(-1, len(file)) as mapped:
        mapped.write(file)
        with memoryview(mapped) as buffer:
            copied = take_apart(buffer)
    assert copied is not None
    assert (type(copied.frame.data), copied.frame.data) == (bytes, apart.frame.data)


@pytest.mark.parametrize("syntax", [HTJ2K, HTJ2K_LOSSY])
async def test_what_stands_behind_the_pixels_stays_there(syntax: str, monkeypatch: pytest.MonkeyPatch) -> None:
    in_one_go = await transcode(signed_behind_pixels(), EncodeTarget(syntax))
    monkeypatch.setattr(small_files, "SMALL_BYTES", 0)
    assert in_one_go == await transcode(signed_behind_pixels(), EncodeTarget(syntax))
    assert b"behind the pixels" in in_one_go


@pytest.mark.parametrize(("text_bytes", "on_the_loop"), [(1000, True), (100_000, False)])
async def test_a_large_data_set_does_not_hold_up_the_event_loop(
    text_bytes: int, on_the_loop: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads, write_envelope = [], small_files.write_envelope

    def write(*arguments: Any) -> Any:
        threads.append(threading.current_thread())
        return write_envelope(*arguments)

    monkeypatch.setattr(small_files, "write_envelope", write)
    dataset = make_dataset("2.25.1", "2.25.1.1", "2.25.1.1.1", TextValue="x" * text_bytes)
    assert b"x" * text_bytes in await transcode(encode(dataset), EncodeTarget(HTJ2K))
    assert [thread is threading.current_thread() for thread in threads] == [on_the_loop]


async def test_no_index_is_made_and_one_part_comes_out(bench: TranscodingBench) -> None:
    handle = await bench.store.put("east", received(make_dataset("2.25.1", "2.25.1.1", "2.25.1.1.1")))
    made = await bench.transcoder.instance("east", handle, EncodeTarget(HTJ2K), Priority.WARMING)
    assert bench.workers.calls == [WorkersCall("transcode", 1, Priority.WARMING)]
    assert not bench.store.indexes
    assert isinstance(made.content, MemoryContent)
    assert len(made.content.parts) == 1


async def test_several_frames_are_not_taken_apart_at_once(bench: TranscodingBench) -> None:
    handle = await bench.store.put("east", received(make_dataset("2.25.1", "2.25.1.1", "2.25.1.1.1", frames=2)))
    await bench.transcoder.instance("east", handle, EncodeTarget(HTJ2K), Priority.INTERACTIVE)
    assert bench.store.indexes
