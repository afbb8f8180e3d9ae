"""What a data set says of how its pixels are to be shown: the stages of the grayscale and colour pipelines.

Stored value -> modality LUT -> VOI LUT -> presentation LUT (PS3.3 C.11, PS3.4 N.2); palette colour has its own LUTs
(PS3.3 C.7.9). Values that the data set lacks are None or empty: nothing is made up here.
"""

from typing import NamedTuple

from radgate_server.core.imaging.render_target import Window


class LookupTable(NamedTuple):
    """A LUT as its descriptor says (PS3.3 C.11.1.1.1): `entries` values of `bits` bits in words of 16 bits.

    `first_mapped` is the input of the first entry, signed where the input is. `data` holds the entries as
    little endian words of 16 bits, whatever they were stored in; of a segmented palette they are expanded already.
    """

    first_mapped: int
    bits: int
    data: bytes


class Rescale(NamedTuple):
    """Rescale Slope and Rescale Intercept (PS3.3 C.11.1.1), and Rescale Type, the unit of what comes out ("HU")."""

    slope: float
    intercept: float
    rescale_type: str = ""


class Palette(NamedTuple):
    """The three colour LUTs of PALETTE COLOR, or the supplemental ones (PS3.3 C.7.6.3.1.5, C.7.6.19)."""

    red: LookupTable
    green: LookupTable
    blue: LookupTable
    supplemental: bool = False


class Overlay(NamedTuple):
    """One overlay plane of a frame (PS3.3 C.9.2): a bit a pixel, lowest bit first, rows of `columns` bits end to end.

    `top` and `left` count from 1, and may be outside of the image. A plane in an unused bit of Pixel Data (retired) has
    no `bits` but the number of that bit, `bit_position`.
    """

    rows: int
    columns: int
    top: int
    left: int
    bits: bytes
    bit_position: int = 0


class Presentation(NamedTuple):
    """How one frame is to be shown, functional groups resolved (PS3.3 C.7.6.16)."""

    modality: str = ""
    rescale: Rescale | None = None
    modality_lut: LookupTable | None = None
    windows: tuple[Window, ...] = ()
    voi_luts: tuple[LookupTable, ...] = ()
    inverse: bool = False
    """Presentation LUT Shape INVERSE, or MONOCHROME1 without one."""
    padding: tuple[float, float] | None = None
    """Lowest and highest stored value of Pixel Padding Value and Range Limit (PS3.3 C.7.5.1.1.2)."""
    palette: Palette | None = None
    pixel_aspect: tuple[float, float] = (1, 1)
    """Vertical and horizontal size of a pixel (PS3.3 C.7.6.3.1.7)."""
    overlays: tuple[Overlay, ...] = ()
    icc_profile: bytes = b""
    maximum_fractional_value: int = 0
    """What stands for the whole in a fractional segmentation (PS3.3 C.8.20.2.3), 0 in other images."""
    float_pixels: bool = False
    """Float or Double Float Pixel Data (PS3.3 C.7.6.24, C.7.6.25): Bits Allocated determines which."""
