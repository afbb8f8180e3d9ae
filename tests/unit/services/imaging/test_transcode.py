"""Instances and frames in other transfer syntaxes: pixels by other decoders, headers, what is made once or spills."""

import asyncio
from collections.abc import Iterable, Iterator
from io import BytesIO

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import parse_basic_offsets
from pydicom.sequence import Sequence
from pydicom.uid import UID

from radgate_server.core.dicom.instances import JoinedContent
from radgate_server.core.errors import InstanceMalformedError, NotAcceptableError
from radgate_server.core.imaging.derivation import derived_uid
from radgate_server.core.imaging.frames import EncodedFrame, EncodeTarget, StoredFrame
from radgate_server.core.imaging.ports import Priority
from radgate_server.services.imaging.transcoded import TranscodedInstance
from tests.fakes.frame_workers import InProcessFrameWorkers, WorkersCall
from tests.fakes.instances import encode, make_dataset, received
from tests.fakes.transcoder import TranscodingBench, transcoding_bench
from tests.unit.core.dicom import corpus
from tests.unit.core.dicom.corpus import BytesHandle

EVRLE = "1.2.840.10008.1.2.1"
IMPLICIT, DEFLATED = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1.99"
RLE, DEFLATED_FRAMES = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.8.1"
J2K, J2K_LOSSY = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"
HTJ2K, HTJ2K_LOSSY = "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203"
JPEG, JPEG_LS, NEAR = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.70"
JPEG_SPECTRAL_SELECTION, JPEG_PROGRESSIVE = "1.2.840.10008.1.2.4.53", "1.2.840.10008.1.2.4.55"

READ_BY_PYDICOM = (RLE, J2K, HTJ2K)
SOURCES = (
    "CT_small.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_RLE.dcm",
    "SC_rgb_rle_2frame.dcm",
    "SC_rgb.dcm",
    "rtdose.dcm",
    "SC_rgb_16bit_2frame.dcm",
)

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.fixture
def bench() -> Iterator[TranscodingBench]:
    with transcoding_bench() as bench:
        yield bench


async def transcode(bench: TranscodingBench, data: bytes | memoryview, target: EncodeTarget) -> TranscodedInstance:
    return await bench.transcoder.instance("east", BytesHandle(data), target, Priority.INTERACTIVE)


def read(made: TranscodedInstance) -> Dataset:
    return pydicom.dcmread(BytesIO(b"".join(made.content.pieces(1000))))


def picture(**attributes: object) -> bytes:
    """128 x 128 pixels of a smooth picture with noise, 12 of 16 bits."""
    rows, columns = np.mgrid[0:128, 0:128]
    pixels = (rows * 16 + columns * 8 + np.random.default_rng(1).integers(0, 30, (128, 128))).astype("<u2")
    dataset = make_dataset("2.25.1", "2.25.1.1", "2.25.1.1.1", rows=128, columns=128, **attributes)
    dataset.PixelData = pixels.tobytes()
    return encode(dataset)


def high_picture() -> tuple[bytes, NDArray[np.uint16]]:
    """`picture` in the highest 12 of 16 bits, and its stored values."""
    dataset = pydicom.dcmread(BytesIO(picture()))
    values = np.frombuffer(dataset.PixelData, "<u2").reshape(128, 128)
    dataset.PixelData, dataset.HighBit = (values << 4).tobytes(), 15
    return encode(dataset), values


@pytest.mark.parametrize("syntax", [J2K, HTJ2K])
async def test_high_bit_is_that_of_the_new_samples(syntax: str, bench: TranscodingBench) -> None:
    data, values = high_picture()
    made = await transcode(bench, data, EncodeTarget(syntax))
    dataset = read(made)
    assert (dataset.HighBit, dataset.BitsStored) == (11, 12)
    assert (dataset.pixel_array == values).all()
    assert made.notes == ("High Bit is 15, Bits Stored 12: samples are brought down by 4 bits",)


async def test_words_that_stay_keep_their_high_bit(bench: TranscodingBench) -> None:
    data, values = high_picture()
    compressed = await transcode(bench, data, EncodeTarget(RLE))
    again = await transcode(bench, b"".join(compressed.content.pieces(1000)), EncodeTarget(EVRLE))
    for made in (compressed, again):
        assert (read(made).HighBit, read(made).BitsStored, made.notes) == (15, 12, ())
    assert read(again).PixelData == (values << 4).tobytes()


@pytest.mark.parametrize("syntax", READ_BY_PYDICOM)
@pytest.mark.parametrize("name", SOURCES)
async def test_lossless_pixels_are_exact_by_another_decoder(name: str, syntax: str, bench: TranscodingBench) -> None:
    if name == "rtdose.dcm" and syntax != RLE:  # 32 bits, more than wavelets hold
        with pytest.raises(NotAcceptableError):
            await transcode(bench, corpus.read(name), EncodeTarget(syntax))
        return
    made = await transcode(bench, corpus.read(name), EncodeTarget(syntax))
    before, after = pydicom.dcmread(corpus.path_of(name)), read(made)
    assert after.file_meta.TransferSyntaxUID == made.transfer_syntax_uid == syntax
    assert np.array_equal(before.pixel_array, after.pixel_array)
    assert not made.lossy


@pytest.mark.parametrize("syntax", [*READ_BY_PYDICOM, JPEG_LS, JPEG_LOSSLESS])
async def test_what_loses_nothing_changes_nothing_else(syntax: str, bench: TranscodingBench) -> None:
    made = await transcode(bench, corpus.read("CT_small.dcm"), EncodeTarget(syntax))
    before, after = pydicom.dcmread(corpus.path_of("CT_small.dcm")), read(made)
    assert made.sop_instance_uid == before.SOPInstanceUID == after.file_meta.MediaStorageSOPInstanceUID
    for dataset in (before, after):
        del dataset.PixelData
    assert before == after


@pytest.mark.parametrize("syntax", [J2K, RLE, JPEG_LS])
async def test_there_and_back_again(syntax: str, bench: TranscodingBench) -> None:
    there = await transcode(bench, picture(), EncodeTarget(syntax))
    back = await transcode(bench, b"".join(there.content.pieces(1 << 20)), EncodeTarget(EVRLE))
    assert read(back) == pydicom.dcmread(BytesIO(picture()))


async def test_colour_says_how_it_is_to_be_read(bench: TranscodingBench) -> None:
    after = read(await transcode(bench, corpus.read("SC_rgb_2frame.dcm"), EncodeTarget(HTJ2K)))
    assert (after.PhotometricInterpretation, after.PlanarConfiguration) == ("YBR_RCT", 0)
    first = next(pydicom.encaps.generate_frames(after.PixelData, number_of_frames=2))
    assert parse_basic_offsets(after.PixelData) == [0, len(first) + 8]


LOSSY = [
    # target -> method
    (EncodeTarget(J2K_LOSSY, quality=40), "ISO_15444_1"),
    (EncodeTarget(HTJ2K_LOSSY, quality=40), "ISO_15444_15"),
    (EncodeTarget(NEAR, near=3), "ISO_14495_1"),
]


@pytest.mark.parametrize(("target", "method"), LOSSY)
async def test_what_lost_something_is_another_image_that_says_so(
    target: EncodeTarget, method: str, bench: TranscodingBench
) -> None:
    source = picture()
    made = await transcode(bench, source, target)
    after = read(made)
    assert made.lossy
    assert made.sop_instance_uid == derived_uid("2.25.1.1.1", target)
    assert after.SOPInstanceUID == after.file_meta.MediaStorageSOPInstanceUID == made.sop_instance_uid
    assert after.ImageType == ["DERIVED", "PRIMARY", "AXIAL"]
    assert after.LossyImageCompression == "01"
    assert after.LossyImageCompressionMethod == method
    ratio = 128 * 128 * 2 / sum(map(len, pydicom.encaps.generate_frames(after.PixelData, number_of_frames=1)))
    assert float(after.LossyImageCompressionRatio) == pytest.approx(ratio, abs=0.01)
    assert method in after.DerivationDescription
    assert [item.CodeValue for item in after.DerivationCodeSequence] == ["113040"]
    (reference,) = after.SourceImageSequence
    assert reference.ReferencedSOPClassUID == after.SOPClassUID
    assert reference.ReferencedSOPInstanceUID == "2.25.1.1.1"
    assert reference.PurposeOfReferenceCodeSequence[0].CodeValue == "121320"
    assert (after.StudyInstanceUID, after.SeriesInstanceUID) == ("2.25.1", "2.25.1.1")


async def test_the_same_request_gives_the_same_instance_and_another_another(bench: TranscodingBench) -> None:
    first, again, other = [
        await transcode(bench, picture(), EncodeTarget(J2K_LOSSY, quality=quality)) for quality in (40, 40, 50)
    ]
    assert b"".join(first.content.pieces(1 << 20)) == b"".join(again.content.pieces(1 << 20))
    assert first.sop_instance_uid == again.sop_instance_uid != other.sop_instance_uid
    assert first.sop_instance_uid.startswith("2.25.")
    assert len(first.sop_instance_uid) <= 64


async def test_what_was_lossy_already_keeps_its_history(bench: TranscodingBench) -> None:
    earlier = Dataset()
    earlier.ReferencedSOPClassUID, earlier.ReferencedSOPInstanceUID = "1.2", "1.2.3"
    source = picture(
        LossyImageCompression="01",
        LossyImageCompressionRatio="12.5",
        LossyImageCompressionMethod="ISO_10918_1",
        DerivationDescription="Compressed before",
        SourceImageSequence=Sequence([earlier]),
        ImageType=["DERIVED", "SECONDARY"],
    )
    after = read(await transcode(bench, source, EncodeTarget(J2K_LOSSY, quality=40)))
    assert list(after.LossyImageCompressionMethod) == ["ISO_10918_1", "ISO_15444_1"]
    assert len(after.LossyImageCompressionRatio) == 2
    assert after.LossyImageCompressionRatio[0] == 12.5
    assert after.DerivationDescription.startswith("Compressed before; ")
    assert [item.ReferencedSOPInstanceUID for item in after.SourceImageSequence] == ["1.2.3", "2.25.1.1.1"]
    assert after.SourceImageSequence[1].PurposeOfReferenceCodeSequence[0].CodeValue == "121322"
    lossless = read(await transcode(bench, source, EncodeTarget(HTJ2K)))
    assert lossless.LossyImageCompression == "01"
    assert lossless.SOPInstanceUID == "2.25.1.1.1"


@pytest.mark.parametrize("stored_in", [JPEG, JPEG_SPECTRAL_SELECTION, JPEG_PROGRESSIVE])
async def test_once_lossy_always_lossy_also_where_the_data_set_forgot_it(
    stored_in: str, bench: TranscodingBench
) -> None:
    stored = pydicom.dcmread(corpus.path_of("SC_rgb_small_odd_jpeg.dcm"))
    stored.file_meta.TransferSyntaxUID = UID(stored_in)  # whatever it says, the frame is decoded as what it is
    stored.pop("LossyImageCompression", None)
    buffer = BytesIO()
    stored.save_as(buffer)
    for syntax in (EVRLE, HTJ2K):
        after = read(await transcode(bench, buffer.getvalue(), EncodeTarget(syntax)))
        assert after.LossyImageCompression == "01"
        assert after.SOPInstanceUID == stored.SOPInstanceUID


async def test_many_frames_go_in_batches_and_spill(bench: TranscodingBench) -> None:
    frames = np.random.default_rng(2).integers(0, 4096, (100, 64, 64)).astype("<u2")
    dataset = make_dataset("2.25.1", "2.25.1.1", "2.25.1.1.1", rows=64, columns=64, frames=100)
    dataset.PixelData = frames.tobytes()
    with transcoding_bench(spool_memory_bytes=8 * 100_000) as small:
        made = await transcode(small, encode(dataset), EncodeTarget(HTJ2K))
        assert isinstance(made.content, JoinedContent)
        assert {call.operation for call in small.workers.calls} == {"transcode"}
        assert sum(call.frames for call in small.workers.calls) == 100
        assert 1 < len(small.workers.calls) < 10
        assert small.spool.used_bytes == 0
        assert np.array_equal(read(made).pixel_array, frames)
    in_memory = await transcode(bench, encode(dataset), EncodeTarget(HTJ2K))
    assert read(in_memory) == read(made)


class Counting(InProcessFrameWorkers):
    """Counts how many frames are here at the same time."""

    here = most = 0

    async def transcode(
        self, frames: Iterable[StoredFrame], target: EncodeTarget, *, priority: Priority
    ) -> list[EncodedFrame]:
        frames = list(frames)
        self.here += len(frames)
        self.most = max(self.most, self.here)
        await asyncio.sleep(0)
        self.here -= len(frames)
        return [EncodedFrame(b"12", target.transfer_syntax_uid, frame.image, lossy=False) for frame in frames]


@pytest.mark.parametrize("parallel", [2, 64])
async def test_what_is_made_ahead_does_not_flood_the_workers(parallel: int) -> None:
    workers = Counting()
    with transcoding_bench(workers=workers, parallel=parallel) as bench:
        handles = []
        for number in range(1, 9):
            dataset = make_dataset("2.25.1", "2.25.1.1", f"2.25.1.1.{number}", frames=200)
            dataset.PixelData = bytes(200 * 128)
            handles.append(await bench.store.put("east", received(dataset)))
        target = EncodeTarget(HTJ2K)
        await asyncio.gather(
            *(bench.transcoder.instance("east", handle, target, Priority.WARMING) for handle in handles)
        )
    assert 100 <= workers.most <= 256


async def test_the_same_at_the_same_time_is_made_once_and_kept(bench: TranscodingBench) -> None:
    handle = await bench.store.put("east", received(pydicom.dcmread(corpus.path_of("CT_small.dcm"))))
    target = EncodeTarget(HTJ2K)

    async def transcoded() -> TranscodedInstance:
        return await bench.transcoder.instance("east", handle, target, Priority.INTERACTIVE)

    made = await asyncio.gather(*(transcoded() for _ in range(5)))
    again = await transcoded()
    assert bench.workers.calls == [WorkersCall("transcode", 1, Priority.INTERACTIVE)]
    wholes = {b"".join(instance.content.pieces(1 << 20)) for instance in (*made, again)}
    assert len(wholes) == 1
    assert again.sop_instance_uid == made[0].sop_instance_uid


async def test_who_waits_is_not_tied_to_what_is_made_in_advance(bench: TranscodingBench) -> None:
    handle = BytesHandle(corpus.read("CT_small.dcm"))
    target = EncodeTarget(HTJ2K)
    priorities = (Priority.WARMING, Priority.INTERACTIVE, Priority.WARMING, Priority.INTERACTIVE)
    await asyncio.gather(*(bench.transcoder.instance("east", handle, target, priority) for priority in priorities))
    await asyncio.gather(*(bench.transcoder.frame("east", handle, 1, target, priority) for priority in priorities))
    assert sorted(call.priority for call in bench.workers.calls) == [Priority.INTERACTIVE] * 2 + [Priority.WARMING] * 2


async def test_what_is_made_of_an_instance_that_is_not_kept_any_more_is_not_kept(bench: TranscodingBench) -> None:
    for _ in range(2):
        await transcode(bench, corpus.read("CT_small.dcm"), EncodeTarget(HTJ2K))
    assert len(bench.workers.calls) == 2


@pytest.mark.parametrize("syntax", [IMPLICIT, DEFLATED])
@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small_RLE.dcm", "rtplan.dcm"])
async def test_the_data_set_is_encoded_otherwise(name: str, syntax: str, bench: TranscodingBench) -> None:
    after = read(await transcode(bench, corpus.read(name), EncodeTarget(syntax)))
    before = pydicom.dcmread(corpus.path_of(name))
    assert after.file_meta.TransferSyntaxUID == syntax
    if "PixelData" in before:
        assert np.array_equal(after.pixel_array, before.pixel_array)
    assert after.SOPInstanceUID == before.SOPInstanceUID
    assert after.get("BeamSequence") == before.get("BeamSequence")


async def test_native_instances_need_no_worker_for_explicit_little_endian(bench: TranscodingBench) -> None:
    for name in ("MR_small_bigendian.dcm", "MR_small_implicit.dcm", "image_dfl.dcm", "rtplan.dcm"):
        assert read(await transcode(bench, corpus.read(name), EncodeTarget(EVRLE))).file_meta.TransferSyntaxUID == EVRLE
    assert bench.workers.calls == []


@pytest.mark.parametrize(
    ("name", "syntax"),
    [
        ("rtplan.dcm", HTJ2K),  # no pixels
        ("CT_small.dcm", "1.2.840.10008.1.2.2"),
        ("CT_small.dcm", "1.2.840.10008.1.2.4.92"),
        ("CT_small.dcm", "1.2.840.10008.1.2.4.102"),
        ("CT_small.dcm", "1.3.46.670589.33.1.4.1"),
        ("CT_small.dcm", JPEG),  # 16 bits
    ],
)
async def test_what_can_not_be_made_is_not_acceptable(name: str, syntax: str, bench: TranscodingBench) -> None:
    with pytest.raises(NotAcceptableError):
        await transcode(bench, corpus.read(name), EncodeTarget(syntax))


@pytest.mark.parametrize("syntax", [RLE, DEFLATED_FRAMES, HTJ2K])
@pytest.mark.parametrize(("name", "bits"), [("FloatPixelData", 32), ("DoubleFloatPixelData", 64)])
async def test_float_pixels_are_never_compressed(name: str, bits: int, syntax: str, bench: TranscodingBench) -> None:
    dataset = make_dataset("2.25.1", "2.25.1.1", "2.25.1.1.1", BitsAllocated=bits)
    del dataset.PixelData
    setattr(dataset, name, bytes(64 * bits // 8))
    handle, target = BytesHandle(encode(dataset)), EncodeTarget(syntax)
    with pytest.raises(NotAcceptableError, match="no pixels that can be compressed"):
        await bench.transcoder.instance("east", handle, target, Priority.INTERACTIVE)
    with pytest.raises(NotAcceptableError, match="no pixels that can be compressed"):
        await bench.transcoder.frame("east", handle, 1, target, Priority.INTERACTIVE)
    assert bench.workers.calls == []
    as_stored = await bench.transcoder.frame("east", handle, 1, EncodeTarget(EVRLE), Priority.INTERACTIVE)
    assert len(as_stored.data) == 64 * bits // 8


@pytest.mark.parametrize("syntax", [EVRLE, HTJ2K])
async def test_a_damaged_frame_is_malformed_and_nothing_is_kept(syntax: str, bench: TranscodingBench) -> None:
    dataset = pydicom.dcmread(corpus.path_of("MR_small_jp2klossless.dcm"))
    frame = next(pydicom.encaps.generate_frames(dataset.PixelData, number_of_frames=1))
    dataset.PixelData = pydicom.encaps.encapsulate([frame[: len(frame) // 3]])
    buffer = BytesIO()
    dataset.save_as(buffer)
    for _ in range(2):
        with pytest.raises(InstanceMalformedError):
            await transcode(bench, buffer.getvalue(), EncodeTarget(syntax))
    assert len(bench.workers.calls) == 2
    assert bench.spool.used_bytes == 0


async def test_frames_come_in_the_order_asked_for(bench: TranscodingBench) -> None:
    data = corpus.read("SC_rgb_rle_2frame.dcm")
    target = EncodeTarget(EVRLE)
    frames = bench.transcoder.frames("east", BytesHandle(data), (2, 1), target, Priority.INTERACTIVE)
    several = [frame.data async for frame in frames]
    single = [
        (await bench.transcoder.frame("east", BytesHandle(data), number, target, Priority.INTERACTIVE)).data
        for number in (2, 1)
    ]
    pixels = pydicom.dcmread(corpus.path_of("SC_rgb_rle_2frame.dcm")).pixel_array
    assert several == single == [pixels[1].tobytes(), pixels[0].tobytes()]
