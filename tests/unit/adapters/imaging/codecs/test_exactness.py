"""Where libraries are known to give other pixels than the standard: what is done about it."""

from dataclasses import replace
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray

from radgate_server.adapters.imaging.bitstreams.rle import joined
from radgate_server.adapters.imaging.codecs import decode_frame, decode_reduced, transcode_frame
from radgate_server.adapters.imaging.codecs.table import CODECS, load
from radgate_server.core.dicom import transfer_syntaxes as uids
from radgate_server.core.errors import CodecFailedError
from radgate_server.core.imaging.frames import EncodeTarget, StoredFrame
from tests.fakes.synthetic_frames import samples_of, synthetic_frame

FALLBACKS = [uid for uid, row in CODECS.items() if row.decoding and row.encoding and len(row.decoding.decoders) > 1]
PRECISE = (uids.JPEG_LS_LOSSLESS, uids.JPEG_LOSSLESS_SV1, uids.JPEG_2000_LOSSLESS, uids.HTJ2K_LOSSLESS)


def native_of(samples: NDArray[Any], bits_stored: int, **attributes: Any) -> StoredFrame:
    frame = synthetic_frame(
        bits_stored, signed=samples.dtype.kind == "i", rows=samples.shape[0], columns=samples.shape[1]
    )
    return StoredFrame(samples.tobytes(), frame.transfer_syntax_uid, frame.image._replace(**attributes))


def stored(native: StoredFrame, uid: str, **options: int) -> StoredFrame:
    encoded = transcode_frame(native, EncodeTarget(uid, **options))
    return StoredFrame(encoded.data, uid, encoded.image)


@pytest.mark.parametrize("signed", [False, True])
def test_lossless_jpeg_that_counts_modulo(signed: bool) -> None:
    """Differences of T.81 H.1.2.1 are modulo 2^16; writers use that for samples of fewer bits."""
    samples = np.random.default_rng(1).integers(0, 4096, (16, 16)).astype("<u2")
    wrapped = samples + 4096 * np.random.default_rng(2).integers(0, 4, (16, 16)).astype("<u2")
    # The first sample's prediction is 2^(precision - 1): the difference moves it to that of 12 bits.
    data = bytearray(imagecodecs.jpeg8_encode(wrapped + 2**15 - 2**11, lossless=True, predictor=1, bitspersample=16))
    data[data.index(b"\xff\xc3") + 4] = 12
    native = native_of(np.where(samples < 2048, samples, samples - 4096).astype("<i2") if signed else samples, 12)
    assert decode_frame(StoredFrame(bytes(data), uids.JPEG_LOSSLESS_SV1, native.image)).pixels == native.data


@pytest.mark.parametrize("segment", [b"\x02abc", b"\x05abcdef", b"\x01ab\xfdc", b"\x00a\x80\x01bc", b"\x02abc\x00"])
def test_an_rle_segment_may_hold_more_than_the_pixels(segment: bytes) -> None:
    native = native_of(np.frombuffer(b"abc", np.uint8).reshape(1, 3), 8)
    stored_frame = StoredFrame(joined([segment]), uids.RLE_LOSSLESS, native.image)
    assert decode_frame(stored_frame).pixels == b"abc"


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("uid", [uids.HTJ2K, uids.JPEG_2000])
def test_white_does_not_turn_black(uid: str, bits: int) -> None:
    """Values beyond their range are clamped; OpenJPH lets them wrap around."""
    blocks = np.kron(np.random.default_rng(1).integers(0, 2, (8, 8)), np.ones((8, 8), int)) * (2**bits - 1)
    native = native_of(blocks.astype("<u1" if bits == 8 else "<u2"), bits)
    decoded = decode_frame(stored(native, uid, quality=60))
    assert np.abs(samples_of(decoded).astype(int) - blocks).max() < 2**bits / 4


@pytest.mark.parametrize("signed", [False, True])
def test_low_resolutions_do_not_wrap_around(signed: bool) -> None:
    """Edges overshoot at low resolutions, which OpenJPH does not clamp either."""
    blocks = np.kron(np.random.default_rng(1).integers(0, 2, (40, 40)), np.ones((7, 7), int)) * 65535
    native = native_of((blocks - 32768).astype("<i2") if signed else blocks.astype("<u2"), 16)
    high = decode_reduced(stored(native, uids.HTJ2K_LOSSLESS_RPCL), 70, 70)
    usual = decode_reduced(stored(native, uids.JPEG_2000_LOSSLESS), 70, 70)
    assert (high.image.rows, high.image.columns) == (70, 70)
    assert high.pixels == usual.pixels
    near = np.abs(samples_of(high).astype(int) - samples_of(native)[2::4, 2::4])
    assert np.median(near) < 6000


@pytest.mark.parametrize(
    "uid", [uids.JPEG_LS_LOSSLESS, uids.JPEG_LOSSLESS_SV1, uids.JPEG_2000_LOSSLESS, uids.HTJ2K_LOSSLESS]
)
@pytest.mark.parametrize("bits", [12, 16])
def test_pixel_representation_counts(uid: str, bits: int) -> None:
    """Devices get the sign in the codestream wrong."""
    signed = synthetic_frame(bits, signed=True)
    frame = stored(signed, uid)
    unsigned = decode_frame(replace(frame, image=frame.image._replace(pixel_representation=0)))
    assert samples_of(unsigned).dtype == np.dtype("<u2")
    assert np.array_equal(samples_of(unsigned), samples_of(signed).view("<u2") & (2**bits - 1))
    positive = synthetic_frame(bits)
    frame = stored(positive, uid)
    negative = decode_frame(replace(frame, image=frame.image._replace(pixel_representation=1)))
    shift = 16 - bits
    assert np.array_equal(samples_of(negative), samples_of(positive).view("<i2") << shift >> shift)


@pytest.mark.parametrize("uid", PRECISE)
@pytest.mark.parametrize("bits", [8, 16])
def test_noise_that_becomes_longer_can_be_encoded(uid: str, bits: int) -> None:
    """CharLS is given room for less, at first: a large frame runs over it."""
    noise = np.random.default_rng(1).integers(0, 2**bits, (1024, 1024)).astype("<u1" if bits == 8 else "<u2")
    native = native_of(noise, bits)
    assert decode_frame(stored(native, uid)).pixels == native.data


def test_a_palette_is_never_averaged() -> None:
    native = synthetic_frame(8, photometric_interpretation="PALETTE COLOR", rows=64, columns=64)
    reduced = decode_reduced(stored(native, uids.HTJ2K_LOSSLESS), 16, 16)
    assert np.array_equal(samples_of(reduced), samples_of(native)[::4, ::4])


@pytest.mark.parametrize("uid", [uids.HTJ2K_LOSSLESS, uids.JPEG_2000_LOSSLESS])
def test_signs_are_never_averaged_away(uid: str) -> None:
    """The mean of 65535 and 1 is 32768, that of -1 and 1 is 0."""
    signed = native_of(np.random.default_rng(1).integers(-2, 3, (64, 64)).astype("<i2"), 16)
    patterns = stored(replace(signed, image=signed.image._replace(pixel_representation=0)), uid)
    reduced = decode_reduced(replace(patterns, image=signed.image), 16, 16)
    assert np.array_equal(samples_of(reduced), samples_of(signed)[::4, ::4])
    assert np.abs(samples_of(decode_reduced(stored(signed, uid), 16, 16))).max() <= 4


def test_the_other_lossless_jpeg_uses_another_predictor() -> None:
    native = synthetic_frame(12)
    first, other = stored(native, uids.JPEG_LOSSLESS_SV1).data, stored(native, uids.JPEG_LOSSLESS).data
    predictors = [data[data.index(b"\xff\xda") + 7] for data in (first, other)]
    assert predictors == [1, 7]


@pytest.mark.parametrize("uid", FALLBACKS)
@pytest.mark.parametrize("colour", ["MONOCHROME2", "RGB"])
def test_the_second_library_gives_the_same(uid: str, colour: str, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = stored(synthetic_frame(8, photometric_interpretation=colour), uid)
    first = decode_frame(frame)
    _without(monkeypatch, "imagecodecs")
    assert decode_frame(frame) == first
    assert decode_reduced(frame, 10, 10).image[:2] == (13, 17)


@pytest.mark.parametrize("bits", [2, 8, 10, 12, 15, 16, 20, 24])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("colour", ["MONOCHROME2", "RGB", "YBR_FULL"])
def test_openjpeg_reads_what_openjph_writes(bits: int, signed: bool, colour: str) -> None:
    native = synthetic_frame(bits, signed=signed, photometric_interpretation=colour)
    frame = stored(native, uids.HTJ2K_LOSSLESS_RPCL)
    samples = load("openjpeg:decode")(frame.data, frame.image)
    assert np.array_equal(samples.array, samples_of(native))


def test_no_library_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = stored(synthetic_frame(8), uids.JPEG_LS_LOSSLESS)
    _without(monkeypatch, "imagecodecs")
    with pytest.raises(CodecFailedError, match="reinstall"):
        decode_frame(frame)


def _without(monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    """Let every function of the library fail as it does when its shared objects can't be loaded."""

    def missing(*_: object, **__: object) -> None:
        raise ImportError(library)

    for name in ("jpeg8", "jpegls", "jpeg2k", "htj2k", "packbits"):
        monkeypatch.setattr(f"{library}.{name}_decode", missing)
