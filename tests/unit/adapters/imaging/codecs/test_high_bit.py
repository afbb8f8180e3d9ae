"""Samples that stand somewhere else than in the lowest bits of their words (PS3.5 8.1.1), against plain NumPy."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from radgate_server.adapters.imaging.codecs import decode_frame, decode_reduced, transcode_frame
from radgate_server.adapters.imaging.codecs.table import CODECS
from radgate_server.core.dicom import transfer_syntaxes as uids
from radgate_server.core.errors import NotAcceptableError
from radgate_server.core.imaging.frames import EncodeTarget, StoredFrame
from tests.fakes.synthetic_frames import samples_of, synthetic_frame

PRECISE = (uids.JPEG_LOSSLESS_SV1, uids.JPEG_LS_LOSSLESS, uids.JPEG_2000_LOSSLESS, uids.HTJ2K_LOSSLESS)
OF_WORDS = (uids.RLE_LOSSLESS, uids.DEFLATED_IMAGE_FRAME)
PLACES = ((15, 4), (13, 2))
"""High Bit of 12 bits in 16, and the bits below."""


def raised(high_bit: int, *, signed: bool = False, outside: int = 0) -> tuple[StoredFrame, NDArray[Any]]:
    """A frame of 12 bits below `high_bit`, all words with the bits `outside` set, and its stored values."""
    frame = synthetic_frame(12, signed=signed)
    values = samples_of(frame)
    words = (values.astype("<i4") & 0xFFF) << high_bit - 11 | outside
    return replace(frame, data=words.astype("<u2").tobytes(), image=frame.image._replace(high_bit=high_bit)), values


def stored_values(words: NDArray[Any], *, signed: bool) -> NDArray[Any]:
    low = words.astype("<i4") & 0xFFF
    return np.where(low > 0x7FF, low - 0x1000, low) if signed else low


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(("high_bit", "below"), PLACES)
def test_decoded_samples_are_in_the_lowest_bits(high_bit: int, below: int, signed: bool) -> None:
    frame, values = raised(high_bit, signed=signed)
    for decoded in (decode_frame(frame), decode_reduced(frame, 37, 51)):
        assert (stored_values(samples_of(decoded), signed=signed) == values).all()
        assert decoded.image.high_bit == -1
        assert decoded.notes == (f"High Bit is {high_bit}, Bits Stored 12: samples are brought down by {below} bits",)


def test_what_is_below_of_the_samples_is_left_out_with_a_note() -> None:
    frame, values = raised(15, outside=0b1010)
    decoded = decode_frame(frame)
    assert (samples_of(decoded) == values).all()
    assert decoded.notes[0].endswith(", what is below of them is left out")


def test_what_is_above_of_the_samples_stays_above() -> None:
    frame, values = raised(13, outside=0x8000)
    assert (samples_of(decode_frame(frame)) == values + (1 << 13)).all()


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(("high_bit", "_below"), PLACES)
@pytest.mark.parametrize("uid", PRECISE)
def test_lossless_codecs_get_the_samples_alone(uid: str, high_bit: int, _below: int, signed: bool) -> None:
    frame, values = raised(high_bit, signed=signed)
    encoded = transcode_frame(frame, EncodeTarget(uid))
    assert (encoded.image.bits_stored, encoded.image.high_bit, encoded.lossy) == (12, -1, False)
    again = decode_frame(StoredFrame(encoded.data, uid, encoded.image))
    assert (samples_of(again) == values).all()
    assert not again.notes


@pytest.mark.parametrize("outside", [0b0010, 0x8000])
@pytest.mark.parametrize("uid", PRECISE)
def test_lossless_codecs_lose_nothing_beside_the_samples(uid: str, outside: int) -> None:
    frame, _ = raised(13, outside=outside)
    with pytest.raises(NotAcceptableError, match="with other things") as refusal:
        transcode_frame(frame, EncodeTarget(uid))
    assert "RLE Lossless" in refusal.value.message


@pytest.mark.parametrize("uid", OF_WORDS)
def test_codecs_of_words_keep_them_and_their_high_bit(uid: str) -> None:
    frame, values = raised(13, outside=0x8001)
    encoded = transcode_frame(frame, EncodeTarget(uid))
    assert encoded.image.high_bit == 13
    compressed = StoredFrame(encoded.data, uid, encoded.image)
    assert transcode_frame(compressed, EncodeTarget(uids.EXPLICIT_VR_LITTLE_ENDIAN)).data == frame.data
    assert (samples_of(decode_frame(compressed)) & 0xFFF == values).all()


@pytest.mark.parametrize("uid", PRECISE)
def test_bitstreams_of_the_stored_bits_have_none_below(uid: str) -> None:
    """High Bit speaks of native words; devices leave it as it was when they compress."""
    native = synthetic_frame(12)
    encoded = transcode_frame(native, EncodeTarget(uid))
    frame = StoredFrame(encoded.data, uid, encoded.image._replace(high_bit=15))
    decoded = decode_frame(frame)
    assert decoded.pixels == native.data
    assert decoded.notes == ("High Bit 15 does not fit Bits Stored 12: the lowest bits are taken",)
    assert transcode_frame(frame, EncodeTarget(uids.EXPLICIT_VR_LITTLE_ENDIAN)).image.high_bit == -1


def test_bitstreams_of_whole_words_have_them() -> None:
    frame, values = raised(15)
    words = replace(frame, image=frame.image._replace(bits_stored=16))
    encoded = transcode_frame(words, EncodeTarget(uids.JPEG_LS_LOSSLESS))
    decoded = decode_frame(StoredFrame(encoded.data, uids.JPEG_LS_LOSSLESS, frame.image))
    assert (samples_of(decoded) == values).all()


@pytest.mark.parametrize("high_bit", [7, 10, 16, 99])
def test_an_impossible_high_bit_is_reported(high_bit: int) -> None:
    native = synthetic_frame(12)
    decoded = decode_frame(replace(native, image=native.image._replace(high_bit=high_bit)))
    assert decoded.pixels == native.data
    assert decoded.notes == (f"High Bit {high_bit} does not fit Bits Stored 12: the lowest bits are taken",)


def test_every_lossless_encoder_of_words_is_tried() -> None:
    of_words = {uid for uid, row in CODECS.items() if row.encoding and row.encoding.limits.bits is None}
    assert set(OF_WORDS) == {uid for uid in of_words if uids.TRANSFER_SYNTAXES[uid].kind != "native"} - {
        uids.ENCAPSULATED_UNCOMPRESSED
    }
