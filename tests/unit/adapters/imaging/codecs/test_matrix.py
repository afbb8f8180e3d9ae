"""Every encoder with every kind of samples: exact where it is lossless, within its bound elsewhere, or refused."""

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from radgate_server.adapters.imaging.codecs import decode_frame, transcode_frame
from radgate_server.adapters.imaging.codecs.table import CODECS
from radgate_server.core.dicom import transfer_syntaxes as uids
from radgate_server.core.errors import NotAcceptableError
from radgate_server.core.imaging.frames import DecodedFrame, EncodeTarget, StoredFrame
from tests.fakes.synthetic_frames import samples_of, synthetic_frame

BITS = (1, 2, 8, 10, 12, 15, 16, 20, 24, 28, 32)
COLOURS = ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "YBR_FULL")
KINDS = [kind for kind in product(BITS, (False, True), COLOURS) if kind[:2] != (1, True)]

LOSSLESS = [uid for uid, row in CODECS.items() if row.encoding and not uids.TRANSFER_SYNTAXES[uid].lossy]
LOSSY = [uid for uid, row in CODECS.items() if row.encoding and uids.TRANSFER_SYNTAXES[uid].lossy]
WORDS = frozenset(
    {
        uids.IMPLICIT_VR_LITTLE_ENDIAN,
        uids.EXPLICIT_VR_LITTLE_ENDIAN,
        uids.DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
        uids.EXPLICIT_VR_BIG_ENDIAN,
        uids.ENCAPSULATED_UNCOMPRESSED,
        uids.DEFLATED_IMAGE_FRAME,
        uids.RLE_LOSSLESS,
    }
)
"""These take whatever Bits Allocated holds."""
MOST_BITS = {
    uids.JPEG_LOSSLESS: 16,
    uids.JPEG_LOSSLESS_SV1: 16,
    uids.JPEG_LS_LOSSLESS: 16,
    uids.JPEG_2000_LOSSLESS: 24,
    uids.HTJ2K_LOSSLESS: 28,
    uids.HTJ2K_LOSSLESS_RPCL: 28,
    uids.JPEG_XL_LOSSLESS: 16,
    uids.JPEG_BASELINE: 8,
    uids.JPEG_EXTENDED: 12,
    uids.JPEG_LS_NEAR_LOSSLESS: 16,
    uids.JPEG_2000: 16,
    uids.HTJ2K: 16,
}
SIGNED_LOSSY = frozenset({uids.JPEG_2000, uids.HTJ2K})
DCT = frozenset({uids.JPEG_BASELINE, uids.JPEG_EXTENDED})
JPEG_XL_COLOURS = frozenset({"MONOCHROME1", "MONOCHROME2", "RGB"})
LARGEST_ERROR, MEAN_ERROR = 0.15, 0.01
"""Of the range of values, with quality 90. The first pixel sticks out of its neighbours, and so suffers most."""


def takes(uid: str, bits: int, signed: bool, colour: str) -> bool:
    """What the manual says that an encoder takes."""
    if uid in WORDS:
        return True
    lossy = uids.TRANSFER_SYNTAXES[uid].lossy
    return (
        bits <= MOST_BITS[uid]
        and (not signed or not lossy or uid in SIGNED_LOSSY)
        and (colour != "PALETTE COLOR" or not lossy)
        and (uid != uids.JPEG_XL_LOSSLESS or colour in JPEG_XL_COLOURS)
        and (uid not in DCT or colour.startswith("MONO") or bits in (8, MOST_BITS[uid]))
    )


def there_and_back(native: StoredFrame, target: EncodeTarget) -> tuple[DecodedFrame, bool]:
    encoded = transcode_frame(native, target)
    assert encoded.transfer_syntax_uid == target.transfer_syntax_uid
    return decode_frame(StoredFrame(encoded.data, encoded.transfer_syntax_uid, encoded.image)), encoded.lossy


@pytest.mark.parametrize("uid", LOSSLESS, ids=[uids.TRANSFER_SYNTAXES[uid].name for uid in LOSSLESS])
def test_lossless_is_exact(uid: str) -> None:
    for bits, signed, colour in KINDS:
        native = synthetic_frame(bits, signed=signed, photometric_interpretation=colour)
        if not takes(uid, bits, signed, colour):
            with pytest.raises(NotAcceptableError, match="take"):
                transcode_frame(native, EncodeTarget(uid))
            continue
        decoded, lossy = there_and_back(native, EncodeTarget(uid))
        assert (decoded.pixels, lossy) == (native.data, False), (bits, signed, colour)
        assert decoded.image.photometric_interpretation == colour
        assert decoded.image.bits_allocated == native.image.bits_allocated
        assert decoded.notes == ()


@pytest.mark.parametrize("uid", LOSSY, ids=[uids.TRANSFER_SYNTAXES[uid].name for uid in LOSSY])
def test_lossy_is_near(uid: str) -> None:
    for bits, signed, colour in KINDS:
        native = synthetic_frame(bits, signed=signed, photometric_interpretation=colour)
        if not takes(uid, bits, signed, colour):
            with pytest.raises(NotAcceptableError, match=r"take|need"):
                transcode_frame(native, EncodeTarget(uid))
            continue
        decoded, lossy = there_and_back(native, EncodeTarget(uid))
        assert lossy or decoded.pixels == native.data
        assert decoded.notes == ()
        converted = decoded.image.photometric_interpretation != colour
        difference = (rgb(decoded) if converted else samples_of(decoded).astype(float)) - samples_of(native)
        assert np.abs(difference).max() <= max(LARGEST_ERROR * 2**bits, 2), (bits, signed, colour)
        assert np.abs(difference).mean() <= max(MEAN_ERROR * 2**bits, 1), (bits, signed, colour)


@pytest.mark.parametrize("near", [0, 1, 3])
def test_near_lossless_keeps_its_bound(near: int) -> None:
    native = synthetic_frame(12)
    decoded, lossy = there_and_back(native, EncodeTarget(uids.JPEG_LS_NEAR_LOSSLESS, near=near))
    difference = np.abs(samples_of(decoded).astype(int) - samples_of(native).astype(int)).max()
    assert (difference, lossy) == (near, near > 0)


@pytest.mark.parametrize("uid", [uids.JPEG_BASELINE, uids.JPEG_2000, uids.HTJ2K])
def test_quality_counts(uid: str) -> None:
    native = synthetic_frame(8, rows=200, columns=200)
    sizes = [len(transcode_frame(native, EncodeTarget(uid, quality=quality)).data) for quality in (1, 50, 75, 90, 100)]
    assert sizes == sorted(set(sizes))


@pytest.mark.parametrize(
    ("uid", "quality", "colour", "expected"),
    [
        (uids.JPEG_BASELINE, 90, "RGB", "YBR_FULL"),
        (uids.JPEG_BASELINE, 75, "RGB", "YBR_FULL_422"),
        (uids.JPEG_LS_LOSSLESS, 90, "RGB", "RGB"),
        (uids.JPEG_2000_LOSSLESS, 90, "RGB", "YBR_RCT"),
        (uids.HTJ2K_LOSSLESS_RPCL, 90, "RGB", "YBR_RCT"),
        (uids.JPEG_2000, 90, "RGB", "YBR_ICT"),
        (uids.HTJ2K, 90, "RGB", "YBR_ICT"),
        (uids.HTJ2K, 90, "YBR_FULL", "YBR_FULL"),
        (uids.JPEG_LOSSLESS_SV1, 90, "YBR_FULL", "YBR_FULL"),
    ],
)
def test_photometric_interpretation_says_what_was_done(uid: str, quality: int, colour: str, expected: str) -> None:
    native = synthetic_frame(8, photometric_interpretation=colour, columns=52)
    encoded = transcode_frame(native, EncodeTarget(uid, quality=quality))
    assert encoded.image.photometric_interpretation == expected


def test_dct_says_that_its_precision_is_stored() -> None:
    baseline = transcode_frame(synthetic_frame(7), EncodeTarget(uids.JPEG_BASELINE))
    extended = transcode_frame(synthetic_frame(10), EncodeTarget(uids.JPEG_EXTENDED))
    assert (baseline.image.bits_stored, extended.image.bits_stored) == (8, 12)


@pytest.mark.parametrize("uid", sorted(WORDS))
def test_pixels_of_one_bit(uid: str) -> None:
    native = synthetic_frame(1, bits_allocated=1)
    encoded = transcode_frame(native, EncodeTarget(uid))
    assert encoded.image.bits_allocated == 1
    decoded = decode_frame(StoredFrame(encoded.data, uid, encoded.image))
    assert decoded.image.bits_allocated == 8
    assert decoded.pixels == decode_frame(native).pixels
    assert set(decoded.pixels) == {0, 1}


def test_pixels_of_one_bit_come_back_packed() -> None:
    native = synthetic_frame(1, bits_allocated=1)
    rle = transcode_frame(native, EncodeTarget(uids.RLE_LOSSLESS))
    again = transcode_frame(
        StoredFrame(rle.data, uids.RLE_LOSSLESS, rle.image), EncodeTarget(uids.EXPLICIT_VR_LITTLE_ENDIAN)
    )
    assert (again.data, again.image) == (native.data, native.image)


@pytest.mark.parametrize("uid", [uid for uid in LOSSLESS + LOSSY if uid not in WORDS])
def test_bits_above_bits_stored_are_not_lost(uid: str) -> None:
    frame = synthetic_frame(8)
    image = frame.image._replace(bits_stored=6)
    with pytest.raises(NotAcceptableError, match="above Bits Stored"):
        transcode_frame(StoredFrame(frame.data, frame.transfer_syntax_uid, image), EncodeTarget(uid))


@pytest.mark.parametrize("uid", [uids.HTJ2K_LOSSLESS, uids.JPEG_LS_LOSSLESS, uids.JPEG_2000, uids.RLE_LOSSLESS])
def test_signs_that_are_not_extended(uid: str) -> None:
    """Some devices leave zeros above signed samples: the values stay, whatever the unused bits become."""
    signed = synthetic_frame(12, signed=True)
    zeros = replace(signed, data=(samples_of(signed) & 0xFFF).tobytes())
    decoded, lossy = there_and_back(zeros, EncodeTarget(uid, quality=100))
    difference = (samples_of(decoded) << 4 >> 4) - samples_of(signed)
    assert np.abs(difference).max() <= (40 if lossy else 0)


def test_what_is_there_already_is_not_touched() -> None:
    noise = StoredFrame(b"not a frame", uids.HTJ2K_LOSSLESS, synthetic_frame(8).image)
    assert transcode_frame(noise, EncodeTarget(uids.HTJ2K_LOSSLESS)).data == noise.data


def rgb(frame: DecodedFrame) -> NDArray[Any]:
    """YBR_FULL as RGB (PS3.3 C.7.6.3.1.2)."""
    assert frame.image.photometric_interpretation == "YBR_FULL"
    samples = samples_of(frame).astype(float)
    middle = 2 ** (frame.image.bits_stored - 1)
    y, blue, red = samples[..., 0], samples[..., 1] - middle, samples[..., 2] - middle
    found = np.stack([y + 1.402 * red, y - 0.344136 * blue - 0.714136 * red, y + 1.772 * blue], -1)
    return np.clip(found, 0, 2 * middle - 1)
