"""What a JPEG XL codestream says of its size and samples (ISO 18181-1 annex D), before libjxl takes memory for it."""

from typing import NamedTuple

from radgate_server.core.errors import InstanceMalformedError, NotAcceptableError

_CODESTREAM = b"\xff\x0a"
_CONTAINER = b"\x00\x00\x00\x0cJXL "
_MAX_HEADER_BYTES = 64

_SIZES = ((9, 1), (13, 1), (18, 1), (30, 1))
_BITS = ((0, 8), (0, 10), (0, 12), (6, 1))
_EXTRA_CHANNELS = ((0, 0), (0, 1), (4, 2), (12, 1))
_ENUM = ((0, 0), (0, 1), (4, 2), (6, 18))
"""For each of the four selectors of a U32: how many bits follow, and what is added to them."""

_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_GRAY = 1


class JpegXlHeader(NamedTuple):
    """Samples are integers of `precision` bits."""

    rows: int
    columns: int
    samples: int
    precision: int


class _Bits:
    """Bits of a header, the lowest first."""

    def __init__(self, data: bytes) -> None:
        self._number = int.from_bytes(data, "little")
        self._left = len(data) * 8

    def take(self, count: int) -> int:
        if count > self._left:
            raise InstanceMalformedError("the header of a JPEG XL frame is cut off")
        value = self._number & (1 << count) - 1
        self._number >>= count
        self._left -= count
        return value

    def choose(self, choices: tuple[tuple[int, int], ...]) -> int:
        bits, offset = choices[self.take(2)]
        return self.take(bits) + offset


def read_header(data: bytes) -> JpegXlHeader:
    """Read size and samples.

    Raises:
        NotAcceptableError: an animation, a preview, transparency, or floating point.
        InstanceMalformedError: the header does not hold together.
    """
    bits = _Bits(_first_bytes(data))
    rows, columns = _size(bits)
    if bits.take(1):  # everything as usual
        return JpegXlHeader(rows, columns, 3, 8)
    if bits.take(1):
        bits.take(3)  # orientation: libjxl is asked to leave the pixels alone
        if bits.take(1):
            _size(bits)  # the size at which to show it
        if bits.take(2):
            raise NotAcceptableError("JPEG XL with a preview or an animation can't be decoded")
    if bits.take(1):
        raise NotAcceptableError("JPEG XL in floating point can't be decoded")
    precision = bits.choose(_BITS)
    bits.take(1)  # whether 16 bits suffice inside of the decoder
    if bits.choose(_EXTRA_CHANNELS):
        raise NotAcceptableError("JPEG XL with more than colour channels can't be decoded")
    bits.take(1)  # whether the colours are XYB inside
    return JpegXlHeader(rows, columns, _colour_channels(bits), precision)


def _size(bits: _Bits) -> tuple[int, int]:
    """Rows and columns (D.2)."""
    by_eights = bits.take(1)
    rows = (bits.take(5) + 1) * 8 if by_eights else bits.choose(_SIZES)
    ratio = bits.take(3)
    if ratio:
        numerator, denominator = _RATIOS[ratio - 1]
        return rows, rows * numerator // denominator
    return rows, (bits.take(5) + 1) * 8 if by_eights else bits.choose(_SIZES)


def _colour_channels(bits: _Bits) -> int:
    if bits.take(1):  # sRGB
        return 3
    bits.take(1)  # whether there is an ICC profile
    return 1 if bits.choose(_ENUM) == _GRAY else 3


def _first_bytes(data: bytes) -> bytes:
    """What follows the codestream's signature."""
    stream = data if data.startswith(_CODESTREAM) else _in_container(data)
    if not stream.startswith(_CODESTREAM):
        raise InstanceMalformedError("a JPEG XL frame does not begin like one")
    return stream[2:_MAX_HEADER_BYTES]


def _in_container(data: bytes) -> bytes:
    """The beginning of the codestream in a file of boxes (ISO 18181-2)."""
    at = 0
    while data.startswith(_CONTAINER) and at + 8 <= len(data):
        length, kind, header = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8], 8
        if length == 1:
            length, header = int.from_bytes(data[at + 8 : at + 16]), 16
        if kind in (b"jxlc", b"jxlp"):
            start = at + header + (4 if kind == b"jxlp" else 0)
            return data[start : start + _MAX_HEADER_BYTES]
        if length < header:
            break
        at += length
    return b""
