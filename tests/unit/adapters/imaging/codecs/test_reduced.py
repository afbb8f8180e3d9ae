"""Small pictures without decoding everything, and native frames of all layouts."""

from dataclasses import replace

import numpy as np
import pytest

from radgate_server.adapters.imaging.codecs import decode_frame, decode_reduced, transcode_frame
from radgate_server.adapters.imaging.codecs.table import CODECS
from radgate_server.core.dicom import transfer_syntaxes as uids
from radgate_server.core.errors import InstanceMalformedError, NotAcceptableError
from radgate_server.core.imaging.codestream import read_codestream
from radgate_server.core.imaging.frames import EncodeTarget, StoredFrame
from tests.fakes.synthetic_frames import samples_of, synthetic_frame

ENCODABLE = [uid for uid, row in CODECS.items() if row.encoding]
WAVELETS = frozenset(uid for uid, row in CODECS.items() if row.decoding and row.decoding.reducer)


def stored(native: StoredFrame, uid: str) -> StoredFrame:
    encoded = transcode_frame(native, EncodeTarget(uid))
    return StoredFrame(encoded.data, uid, encoded.image)


@pytest.mark.parametrize("uid", ENCODABLE)
@pytest.mark.parametrize(
    ("rows", "columns", "expected"),
    [(100, 150, (100, 150)), (1000, 1000, (100, 150)), (51, 76, (100, 150)), (50, 75, (50, 75)), (20, 30, (20, 30))],
)
def test_at_least_as_large_as_wanted(uid: str, rows: int, columns: int, expected: tuple[int, int]) -> None:
    native = synthetic_frame(8, rows=100, columns=150)
    reduced = decode_reduced(stored(native, uid), rows, columns)
    found = (reduced.image.rows, reduced.image.columns)
    assert found == ((25, 38) if uid in WAVELETS and expected == (20, 30) else expected)
    assert len(reduced.pixels) == found[0] * found[1]


@pytest.mark.parametrize("uid", [uid for uid in ENCODABLE if uid not in WAVELETS])
def test_pixels_are_left_out(uid: str) -> None:
    frame = stored(synthetic_frame(8, photometric_interpretation="RGB", rows=100, columns=150), uid)
    whole = samples_of(decode_frame(frame))
    assert np.array_equal(samples_of(decode_reduced(frame, 30, 30)), whole[::3, ::3])


@pytest.mark.parametrize(("rows", "columns"), [(0, 0), (-1, -1), (1, 1)])
def test_the_smallest_picture(rows: int, columns: int) -> None:
    reduced = decode_reduced(stored(synthetic_frame(12), uids.HTJ2K_LOSSLESS), rows, columns)
    assert (reduced.image.rows, reduced.image.columns) == (1, 1)


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (63, 5000), (128, 128), (2048, 64), (2049, 2049)])
def test_the_lowest_resolution_is_a_thumbnail(rows: int, columns: int) -> None:
    image = synthetic_frame(8).image._replace(rows=rows, columns=columns)
    native = StoredFrame(bytes(rows * columns), uids.EXPLICIT_VR_LITTLE_ENDIAN, image)
    data = stored(native, uids.HTJ2K_LOSSLESS_RPCL).data
    codestream = read_codestream(data)
    assert codestream is not None
    assert codestream.high_throughput
    assert min(rows, columns) / 2**codestream.levels <= 64
    assert len(codestream.resolution_ends) == codestream.levels + 1
    assert b"\xff\x55" in data[:200]  # TLM


def test_planes_become_pixels() -> None:
    frame = synthetic_frame(16, photometric_interpretation="RGB")
    planes = np.ascontiguousarray(samples_of(frame).transpose(2, 0, 1)).tobytes()
    decoded = decode_frame(replace(frame, data=planes, image=frame.image._replace(planar_configuration=1)))
    assert (decoded.pixels, decoded.image) == (frame.data, frame.image)


@pytest.mark.parametrize("bits", [8, 16])
def test_subsampled_chroma(bits: int) -> None:
    frame = synthetic_frame(bits, photometric_interpretation="YBR_FULL", columns=52)
    pixels = samples_of(frame).reshape(37, 26, 2, 3)
    pairs = np.concatenate([pixels[..., 0], pixels[:, :, 0, 1:]], axis=-1)
    image = frame.image._replace(photometric_interpretation="YBR_FULL_422")
    decoded = decode_frame(StoredFrame(pairs.tobytes(), frame.transfer_syntax_uid, image))
    assert decoded.image == frame.image
    expected = pixels.copy()
    expected[:, :, 1, 1:] = expected[:, :, 0, 1:]
    assert np.array_equal(samples_of(decoded), expected.reshape(37, 52, 3))


@pytest.mark.parametrize(("columns", "samples"), [(51, 3), (52, 1)])
def test_chroma_that_can_not_be(columns: int, samples: int) -> None:
    frame = synthetic_frame(8, photometric_interpretation="YBR_FULL", columns=columns)
    image = frame.image._replace(photometric_interpretation="YBR_FULL_422", samples_per_pixel=samples)
    with pytest.raises(InstanceMalformedError):
        decode_frame(replace(frame, image=image))


def test_retired_colours_are_refused() -> None:
    frame = synthetic_frame(8, photometric_interpretation="YBR_PARTIAL_422", columns=52)
    with pytest.raises(NotAcceptableError, match="retired"):
        decode_frame(frame)


@pytest.mark.parametrize("columns", [8, 13])
def test_the_first_pixel_is_the_lowest_bit(columns: int) -> None:
    image = synthetic_frame(1, bits_allocated=1, rows=1, columns=columns).image
    decoded = decode_frame(StoredFrame(b"\x05\x10", uids.EXPLICIT_VR_LITTLE_ENDIAN, image))
    assert decoded.pixels == bytes([1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])[:columns]
    assert (decoded.image.bits_allocated, decoded.image.bits_stored) == (8, 1)


@pytest.mark.parametrize("kind", ["<f4", "<f8"])
def test_floating_point_goes_through(kind: str) -> None:
    """Float Pixel Data is native (PS3.5 8.1); its words are left alone."""
    values = np.linspace(-1e6, 1e6, 12, dtype=kind)
    bits = values.itemsize * 8
    image = synthetic_frame(8, rows=3, columns=4).image._replace(bits_allocated=bits, bits_stored=bits)
    frame = StoredFrame(values.tobytes(), uids.EXPLICIT_VR_LITTLE_ENDIAN, image)
    assert decode_frame(frame).pixels == values.tobytes()
    assert decode_reduced(frame, 1, 2).pixels == values.reshape(3, 4)[::2, ::2].tobytes()


def test_values_above_bits_stored_stay() -> None:
    """They may be an overlay; whoever shows the pixels takes the stored bits alone."""
    frame = synthetic_frame(16)
    image = frame.image._replace(bits_stored=12)
    for uid in (uids.EXPLICIT_VR_LITTLE_ENDIAN, uids.RLE_LOSSLESS, uids.DEFLATED_IMAGE_FRAME):
        assert decode_frame(stored(replace(frame, image=image), uid)).pixels == frame.data
