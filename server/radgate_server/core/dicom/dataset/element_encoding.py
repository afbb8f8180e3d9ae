"""How data elements are written (PS3.5 7.1, annex A), and which VR one has that does not state it."""

from collections.abc import Callable
from functools import lru_cache
from struct import Struct
from typing import Any, NamedTuple

from radgate_server.core.dicom.instances import FileBytes
from radgate_server.core.errors import InstanceMalformedError

SHORT_VRS = (
    "AE",
    "AS",
    "AT",
    "CS",
    "DA",
    "DS",
    "DT",
    "FD",
    "FL",
    "IS",
    "LO",
    "LT",
    "PN",
    "SH",
    "SL",
    "SS",
    "ST",
    "TM",
    "UI",
    "UL",
    "US",
)
"""VRs whose length takes 16 bits when they are explicit (PS3.5 table 7.1-2)."""
LONG_VRS = ("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV")
"""VRs whose length takes 32 bits (PS3.5 table 7.1-1)."""

VRS = {vr.encode(): (vr, False) for vr in SHORT_VRS} | {vr.encode(): (vr, True) for vr in LONG_VRS}
"""Explicit VRs as they are written, and whether their length takes 32 bits."""
_AMBIGUOUS_VRS = {
    # dictionary's VR: (for unsigned pixels, for signed ones)
    "OB or OW": ("OW", "OW"),
    "US or OW": ("OW", "OW"),
    "US or SS": ("US", "SS"),
    "US or SS or OW": ("OW", "OW"),
}
_LONGEST_HEADER_BYTES = 12

type Header = tuple[int, str, int, int]
"""Tag, VR, length, offset of the value."""
type HeaderReader = Callable[[Any, int, int], Header]
"""Reads the header at an offset of the data, a memoryview or FileBytes, that must end before another offset."""


class Encoding(NamedTuple):
    """How elements are written (PS3.5 annex A). `read_item` gives group, number and length of the item at an offset."""

    explicit: bool
    little_endian: bool
    read_header: HeaderReader
    read_item: Callable[[Any, int], tuple[int, int, int]]


def truncated() -> InstanceMalformedError:
    """The error for a data set that ends, or whose parts end, too early."""
    return InstanceMalformedError("the instance is truncated: an element reaches beyond its end")


@lru_cache(maxsize=16384)
def implicit_vr(tag: int) -> str:
    """VR of an element that does not state its own (PS3.5 6.2.2, A.1): the dictionary's, UN for what is unknown."""
    if tag & 0xFFFF == 0:
        return "UL"
    if tag >> 16 & 1:
        return "LO" if 0x10 <= tag & 0xFFFF <= 0xFF else "UN"
    from pydicom.datadict import dictionary_VR  # slow to import: commands that look at no instance start without

    try:
        return dictionary_VR(tag)
    except KeyError:
        return "UN"


def resolved_vr(vr: str, signed: bool) -> str:
    """Choose one VR where the dictionary names several (PS3.5 A.1), by whether pixels are signed."""
    return vr if len(vr) == 2 else _AMBIGUOUS_VRS.get(vr, ("UN", "UN"))[signed]


def _implicit_reader(order: str) -> HeaderReader:
    unpack = Struct(f"{order}HHL").unpack_from

    def read_header(data: memoryview, at: int, end: int) -> Header:
        if at + 8 > end:
            raise truncated()
        group, number, length = unpack(data, at)
        tag = group << 16 | number
        return tag, implicit_vr(tag), length, at + 8

    return read_header


def _explicit_reader(order: str) -> HeaderReader:
    unpack = Struct(f"{order}HH2sH").unpack_from
    unpack_long = Struct(f"{order}L").unpack_from

    def read_header(data: memoryview, at: int, end: int) -> Header:
        if at + 8 > end:
            raise truncated()
        group, number, written_vr, length = unpack(data, at)
        # Delimiters have no VR. What is no VR at all has a short length: so wrote the few who wrote such.
        vr, long = VRS.get(written_vr) or ("UN", group == 0xFFFE or written_vr.isalpha())
        if not long:
            return group << 16 | number, vr, length, at + 8
        if group == 0xFFFE:
            return group << 16 | number, vr, unpack_long(data, at + 4)[0], at + 8
        if at + 12 > end:
            raise truncated()
        return group << 16 | number, vr, unpack_long(data, at + 8)[0], at + 12

    return read_header


def _of_file(encoding: Encoding) -> Encoding:
    """The same for FileBytes."""

    def read_header(data: FileBytes, at: int, end: int) -> Header:
        tag, vr, length, offset = encoding.read_header(data[at : at + _LONGEST_HEADER_BYTES], 0, end - at)
        return tag, vr, length, at + offset

    def read_item(data: FileBytes, at: int) -> tuple[int, int, int]:
        return encoding.read_item(data[at : at + _LONGEST_HEADER_BYTES], 0)

    return encoding._replace(read_header=read_header, read_item=read_item)


IMPLICIT_LITTLE = Encoding(False, True, _implicit_reader("<"), Struct("<HHL").unpack_from)
EXPLICIT_LITTLE = Encoding(True, True, _explicit_reader("<"), Struct("<HHL").unpack_from)
EXPLICIT_BIG = Encoding(True, False, _explicit_reader(">"), Struct(">HHL").unpack_from)
_OF_FILES = {encoding: _of_file(encoding) for encoding in (IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG)}


def encoding_in(data: memoryview | FileBytes, encoding: Encoding) -> Encoding:
    """One of the encodings above as it is read in such data."""
    return encoding if isinstance(data, memoryview) else _OF_FILES[encoding]
