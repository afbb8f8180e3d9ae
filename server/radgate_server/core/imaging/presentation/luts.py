"""LUTs of a data set: descriptors, entries of 8 and 16 bits, segments (PS3.3 C.11.1.1, C.7.6.3.1.5, C.7.9.2)."""

from struct import pack
from typing import NamedTuple

from radgate_server.core.dicom.data_sets import DicomJson
from radgate_server.core.imaging.metadata.values import Bulk, integer, items, numbers, octets
from radgate_server.core.imaging.presentation.model import LookupTable, Palette
from radgate_server.core.imaging.presentation.segmented_lut import expand_segments, words_of

_LUT_DESCRIPTOR = "00283002"
_LUT_DATA = "00283006"
_PIXEL_REPRESENTATION = "00280103"
_PALETTE_DESCRIPTORS = ("00281101", "00281102", "00281103")
_PALETTE_DATA = ("00281201", "00281202", "00281203")
_SEGMENTED_DATA = ("00281221", "00281222", "00281223")
_MAX_ENTRIES = 1 << 16
_MAX_TABLES = 16
"""Of one sequence; further ones are left out, which nobody could choose from."""
_MAX_BITS = 16


class _Descriptor(NamedTuple):
    """Number of entries, input of the first one, bits of each (PS3.3 C.11.1.1.1)."""

    entries: int
    first_mapped: int
    bits: int


def lookup_tables(model: DicomJson, sequence: str, bulk: Bulk, *, signed_input: bool) -> tuple[LookupTable, ...]:
    """Read the LUTs in the items of a sequence; items that make no LUT are left out."""
    tables = [_lookup_table(item, bulk, signed_input) for item in items(model, sequence)[:_MAX_TABLES]]
    return tuple(table for table in tables if table is not None)


def palette(model: DicomJson, bulk: Bulk, *, supplemental: bool) -> Palette | None:
    """Read the three Palette Color LUTs, plain or segmented; None when one of them is missing or wrong."""
    signed = integer(model, _PIXEL_REPRESENTATION) == 1
    tags = zip(_PALETTE_DESCRIPTORS, _PALETTE_DATA, _SEGMENTED_DATA, strict=True)
    colours = [_palette_entries(model, *three, bulk, signed) for three in tags]
    red, green, blue = colours
    if red is None or green is None or blue is None:
        return None
    # Many writers say 16 bits of entries of 8 and the other way round: all three together show what is meant.
    bits = 16 if max(max(entries) for _, entries in (red, green, blue)) > 0xFF else 8
    tables = [LookupTable(first_mapped, bits, _words(entries)) for first_mapped, entries in (red, green, blue)]
    return Palette(tables[0], tables[1], tables[2], supplemental)


def _lookup_table(item: DicomJson, bulk: Bulk, signed_input: bool) -> LookupTable | None:
    descriptor = _descriptor(item, _LUT_DESCRIPTOR, signed_input)
    entries = _entries(octets(item, _LUT_DATA, bulk), descriptor) if descriptor else None
    if descriptor is None or entries is None:
        return None
    # Entries that the descriptor's bits can't hold would all be white.
    bits = max(min(descriptor.bits, _MAX_BITS), max(entries).bit_length(), 1)
    return LookupTable(descriptor.first_mapped, bits, _words(entries))


def _palette_entries(
    model: DicomJson, descriptor_tag: str, data_tag: str, segmented_tag: str, bulk: Bulk, signed: bool
) -> tuple[int, tuple[int, ...]] | None:
    """The first input and the entries, of 8 or 16 bits."""
    descriptor = _descriptor(model, descriptor_tag, signed)
    if descriptor is None:
        return None
    if segmented_tag in model:
        entries = expand_segments(octets(model, segmented_tag, bulk), descriptor.bits, descriptor.entries)
    else:
        entries = _entries(octets(model, data_tag, bulk), descriptor)
    return (descriptor.first_mapped, entries) if entries is not None else None


def _descriptor(model: DicomJson, tag: str, signed_input: bool) -> _Descriptor | None:
    values = numbers(model, tag)
    if len(values) != 3 or not all(isinstance(value, int) for value in values):
        return None
    entries, first_mapped, bits = (int(value) for value in values)
    if signed_input and first_mapped >= 1 << 15:
        first_mapped -= 1 << 16  # written as US
    return _Descriptor(entries & 0xFFFF or _MAX_ENTRIES, first_mapped, bits & 0xFFFF)


def _entries(data: bytes, descriptor: _Descriptor) -> tuple[int, ...] | None:
    """Words of 16 bits, or bytes where there are no more, whatever the descriptor says; None when these are too few."""
    count = descriptor.entries
    if len(data) >= 2 * count:
        return words_of(data[: 2 * count])
    return tuple(data[:count]) if len(data) >= count else None


def _words(entries: tuple[int, ...]) -> bytes:
    return pack(f"<{len(entries)}H", *entries)
