"""Where resolutions end, shown by decoding what comes before."""

from dataclasses import replace

import imagecodecs
import numpy as np
import pytest

from radgate_server.core.imaging.codestream import is_high_throughput, read_codestream

ROWS, COLUMNS = 250, 301


def pixels(samples: int = 1) -> np.ndarray:
    shape = (ROWS, COLUMNS) if samples == 1 else (ROWS, COLUMNS, samples)
    noise = np.random.default_rng(7).integers(0, 40, shape)
    return (noise + np.arange(COLUMNS).reshape((1, -1) + (1,) * (samples > 1))).astype(
        np.uint8 if samples > 1 else np.uint16
    )


def encoded(samples: int = 1, **options: object) -> bytes:
    options = {"reversible": True, "tlm": True, "prog_order": "RPCL", "resolutions": 3, "tilepart": 1} | options
    return imagecodecs.htj2k_encode(pixels(samples), **options)


@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("reduction", [0, 1, 2, 3])
def test_each_resolution_is_whole_where_it_is_said_to_end(samples: int, reduction: int) -> None:
    whole = encoded(samples)
    stream = read_codestream(whole)
    assert stream is not None
    assert (stream.rows, stream.columns, stream.components, stream.levels) == (ROWS, COLUMNS, samples, 3)
    assert (stream.reversible, stream.high_throughput) == (True, True)
    end = stream.bytes_for(reduction)
    assert end is not None
    part = imagecodecs.htj2k_decode(whole[:end], skipres=reduction, resilient=True)
    assert np.array_equal(part, imagecodecs.htj2k_decode(whole, skipres=reduction))
    assert part.shape[:2] == (-(-ROWS >> reduction), -(-COLUMNS >> reduction))


def test_resolutions_end_in_order_and_the_last_one_before_the_end_marker() -> None:
    whole = encoded()
    stream = read_codestream(whole)
    assert stream is not None
    assert list(stream.resolution_ends) == sorted(set(stream.resolution_ends))
    assert stream.resolution_ends[-1] == len(whole) - 2


@pytest.mark.parametrize(
    ("rows", "columns", "reduction"),
    [
        (1, 1, 3),
        (31, 37, 3),
        (32, 38, 3),
        (33, 38, 2),
        (32, 39, 2),
        (63, 76, 2),
        (125, 151, 1),
        (126, 1, 0),
        (9999, 1, 0),
    ],
)
def test_the_lowest_resolution_that_is_large_enough(rows: int, columns: int, reduction: int) -> None:
    stream = read_codestream(encoded())
    assert stream is not None
    assert stream.reduction_for(rows, columns) == reduction


@pytest.mark.parametrize("options", [{"tilepart": 0}, {"prog_order": "LRCP", "tilepart": 0}])
def test_a_stream_that_does_not_come_by_resolutions_has_no_ends(options: dict[str, object]) -> None:
    stream = read_codestream(encoded(**options))
    assert stream is not None
    assert stream.resolution_ends == ()
    assert stream.bytes_for(2) is None


@pytest.mark.parametrize("reduction", [1, 2, 3])
def test_the_front_reports_the_resolutions_that_begin_in_it(reduction: int) -> None:
    whole = encoded()
    end = read_codestream(whole).bytes_for(reduction)  # type: ignore[union-attr]
    front = read_codestream(whole[:end], len(whole))
    assert front is not None
    assert front.bytes_for(reduction) == end
    assert front.bytes_for(reduction - 1) is None


def test_a_front_whose_tile_parts_do_not_say_how_many_they_are_reports_none() -> None:
    whole = bytearray(encoded())
    whole[whole.index(b"\xff\x90") + 11] = 0  # TNsot (ISO 15444-1 A.4.2)
    front = read_codestream(whole[:1000], len(whole))
    assert front is not None
    assert front.resolution_ends == ()
    assert read_codestream(whole) == read_codestream(encoded())


def test_classic_jpeg_2000_is_distinguished() -> None:
    stream = read_codestream(imagecodecs.jpeg2k_encode(pixels(), codecformat="j2k", level=30))
    assert stream is not None
    assert (stream.high_throughput, stream.reversible) == (False, False)


def test_whatever_is_cut_or_changed_is_read_or_refused() -> None:
    whole = bytearray(encoded())
    for length in range(0, 400, 3):
        read_codestream(bytes(whole[:length]))
    for position in range(300):
        for value in (0x00, 0x7F, 0xFF):
            changed = whole[:]
            changed[position] = value
            read_codestream(bytes(changed))
    assert read_codestream(b"") is None
    assert read_codestream(b"\xff\xd8\xff\xe0") is None


def test_the_main_header_alone_reports_all_but_where_resolutions_end() -> None:
    whole = encoded()
    stream, main = read_codestream(whole), read_codestream(whole, with_ends=False)
    assert stream is not None
    assert main == replace(stream, resolution_ends=())


def test_high_throughput_is_distinguished_from_the_main_header() -> None:
    assert is_high_throughput(encoded())
    assert not is_high_throughput(imagecodecs.jpeg2k_encode(pixels(), codecformat="j2k"))
    assert not is_high_throughput(b"")
    assert not is_high_throughput(encoded()[:40])
