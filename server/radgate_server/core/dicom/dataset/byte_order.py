"""Byte order of values that consist of words (PS3.5 7.3)."""

from array import array

type Part = bytes | memoryview

WORD_CODES = {
    **dict.fromkeys(("AT", "OW", "SS", "US"), "H"),
    **dict.fromkeys(("FL", "OF", "OL", "SL", "UL"), "I"),
    **dict.fromkeys(("FD", "OD", "OV", "SV", "UV"), "Q"),
}
"""VR to the size of its words as array codes: 2, 4 and 8 bytes. Values of other VRs have no byte order."""


def swapped(value: Part, word_code: str) -> bytes:
    """Turn the bytes of each word around; what is left over at the end stays."""
    words = array(word_code)
    whole = len(value) - len(value) % words.itemsize
    words.frombytes(value[:whole])
    words.byteswap()
    return words.tobytes() + bytes(value[whole:])


def little_endian_value(value: Part, vr: str, *, little_endian: bool) -> Part:
    """Return the value of an element as little endian holds it."""
    return value if little_endian or vr not in WORD_CODES else swapped(value, WORD_CODES[vr])
