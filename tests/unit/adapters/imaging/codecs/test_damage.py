"""Frames that are cut off, changed, empty, mislabelled or of absurd sizes: refused, in bounded memory, or decoded."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random

import imagecodecs
import pytest

from radgate_server.adapters.imaging.bitstreams.detection import Bitstream
from radgate_server.adapters.imaging.codecs import decode_frame, decode_reduced, transcode_frame
from radgate_server.adapters.imaging.codecs.table import CODECS
from radgate_server.core.dicom import transfer_syntaxes as uids
from radgate_server.core.errors import (
    GatewayError,
    ImageTooLargeError,
    InstanceMalformedError,
    NotAcceptableError,
)
from radgate_server.core.imaging.frames import EncodeTarget, StoredFrame
from tests.fakes.synthetic_frames import synthetic_frame

SYNTAXES = [uid for uid, row in CODECS.items() if row.encoding and uids.TRANSFER_SYNTAXES[uid].kind == "image"]
NAMES = [uids.TRANSFER_SYNTAXES[uid].name for uid in SYNTAXES]
LIBRARIES = ("jpeg8_decode", "jpegls_decode", "jpeg2k_decode", "htj2k_decode", "jpegxl_decode", "packbits_decode")


def bitstream(uid: str) -> Bitstream:
    decoding = CODECS[uid].decoding
    assert decoding is not None
    return decoding.bitstream


def encoded(uid: str, *, colour: str = "MONOCHROME2") -> StoredFrame:
    frame = transcode_frame(synthetic_frame(8, photometric_interpretation=colour), EncodeTarget(uid))
    return StoredFrame(frame.data, uid, frame.image)


@pytest.mark.parametrize("uid", SYNTAXES, ids=NAMES)
@pytest.mark.parametrize("colour", ["MONOCHROME2", "RGB"])
def test_cut_off(uid: str, colour: str) -> None:
    """Only an end marker, or padding, may be missing."""
    frame = encoded(uid, colour=colour)
    whole = decode_frame(frame).pixels
    for length in {*range(0, len(frame.data), 97), *range(len(frame.data) - 8, len(frame.data))}:
        try:
            assert decode_frame(replace(frame, data=frame.data[:length])).pixels == whole
            assert length >= len(frame.data) - 3
        except (InstanceMalformedError, NotAcceptableError):
            continue


@pytest.mark.parametrize("uid", SYNTAXES, ids=NAMES)
def test_flipped_bits(uid: str) -> None:
    frame, rng = encoded(uid), Random(uid)
    for _ in range(150):
        data = bytearray(frame.data)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        try:
            assert len(decode_frame(replace(frame, data=bytes(data))).pixels) == 37 * 51
        except GatewayError:
            continue


@pytest.mark.parametrize("uid", SYNTAXES, ids=NAMES)
@pytest.mark.parametrize("data", [b"", b"\x00", bytes(100), b"\xff" * 100, b"\xff\xd8\xff", b"\xff\x0a", b"\xffO\xffQ"])
def test_empty_and_short(uid: str, data: bytes) -> None:
    with pytest.raises(InstanceMalformedError):
        decode_frame(replace(encoded(uid), data=data))


@pytest.mark.parametrize("uid", SYNTAXES, ids=NAMES)
def test_mislabelled(uid: str) -> None:
    """The bytes are decoded as what they are, and it is said."""
    frame = encoded(uid)
    for other in SYNTAXES:
        if bitstream(other) is bitstream(uid) or uids.DEFLATED_IMAGE_FRAME in (uid, other):
            continue
        decoded = decode_frame(replace(frame, transfer_syntax_uid=other))
        assert decoded.pixels == decode_frame(frame).pixels
        (note,) = decoded.notes
        assert note == f"the frame is {bitstream(uid)}, the transfer syntax says {bitstream(other)}"


@pytest.fixture
def libraries(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Names of the decoders that were called."""
    called: list[str] = []
    for name in LIBRARIES:
        monkeypatch.setattr(imagecodecs, name, lambda *_, name=name, **__: called.append(name))
    return called  # type: ignore[return-value]


@pytest.mark.parametrize("uid", SYNTAXES, ids=NAMES)
@pytest.mark.parametrize(
    "lie", [{"rows": 38}, {"columns": 50}, {"samples_per_pixel": 3}, {"rows": 0}, {"columns": 0}, {"bits_allocated": 0}]
)
def test_no_library_sees_a_frame_of_another_size(uid: str, lie: dict[str, int], libraries: list[str]) -> None:
    frame = encoded(uid)
    short_of_bytes = bitstream(uid) in ("uncompressed", "deflated", "RLE")
    if short_of_bytes and lie in ({"rows": 38}, {"columns": 50}):
        return  # these have no header; the lengths are compared instead, see test_cut_off
    with pytest.raises(InstanceMalformedError):
        decode_frame(replace(frame, image=frame.image._replace(**lie)))
    assert libraries == []


@pytest.mark.parametrize("uid", SYNTAXES, ids=NAMES)
def test_absurd_sizes(uid: str, libraries: list[str]) -> None:
    frame = encoded(uid)
    absurd = replace(frame, image=frame.image._replace(rows=65535, columns=65535))
    for call in (decode_frame, lambda each: decode_reduced(each, 64, 64)):
        with pytest.raises((ImageTooLargeError, InstanceMalformedError)):
            call(absurd)
    assert libraries == []


@pytest.mark.parametrize("bits_allocated", [2, 7, 12, 24, 40, 128])
def test_samples_that_no_word_holds(bits_allocated: int) -> None:
    frame = synthetic_frame(8)
    with pytest.raises(NotAcceptableError, match="Bits Allocated"):
        decode_frame(replace(frame, image=frame.image._replace(bits_allocated=bits_allocated)))


@pytest.mark.parametrize("uid", [uid for uid, row in CODECS.items() if not row.decoding])
def test_known_and_not_supported(uid: str) -> None:
    with pytest.raises(NotAcceptableError) as refused:
        decode_frame(replace(synthetic_frame(8), transfer_syntax_uid=uid))
    assert refused.value.details == {"stored": uid}
    with pytest.raises(NotAcceptableError, match="no encoder"):
        transcode_frame(synthetic_frame(8), EncodeTarget(uid))


def test_deflated_data_is_inflated_no_further_than_a_frame() -> None:
    bomb = encoded(uids.DEFLATED_IMAGE_FRAME)
    million = transcode_frame(
        replace(synthetic_frame(8), data=bytes(10**6), image=bomb.image._replace(rows=1000, columns=1000)),
        EncodeTarget(uids.DEFLATED_IMAGE_FRAME),
    )
    with pytest.raises(InstanceMalformedError, match="longer"):
        decode_frame(replace(bomb, data=million.data))


def test_what_an_image_says_of_itself_is_not_repeated() -> None:
    """Any text may stand where a Photometric Interpretation should, a name for instance."""
    native = synthetic_frame(8)
    named = replace(native, image=native.image._replace(photometric_interpretation="DOE^JANE"))
    with pytest.raises(NotAcceptableError, match="Photometric Interpretation") as refused:
        transcode_frame(named, EncodeTarget(uids.JPEG_LS_LOSSLESS))
    assert "DOE" not in str(refused.value)
