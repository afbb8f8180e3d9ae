"""Walks the data elements of an encoded data set (PS3.5 7) without reading values.

Every length is checked against what surrounds it before anything is taken, nesting and the number of elements are
limited, so hostile input costs an InstanceMalformedError and little else.
"""

from collections.abc import Iterator
from typing import NamedTuple

from radgate_server.core.dicom.dataset.element_encoding import (
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    VRS,
    Encoding,
    encoding_in,
    implicit_vr,
    truncated,
)
from radgate_server.core.dicom.instance_index import Span
from radgate_server.core.dicom.instances import FileBytes
from radgate_server.core.errors import InstanceMalformedError

MAX_DEPTH = 32
"""Sequences inside sequences. Deep structured reports reach about fifteen."""
MAX_ELEMENTS = 500_000
"""Elements, items and fragments of one instance. Enhanced objects of thousands of frames reach 200,000."""

UNDEFINED_LENGTH = 0xFFFFFFFF
ITEM = 0xFFFEE000
ITEM_DELIMITATION = 0xFFFEE00D
SEQUENCE_DELIMITATION = 0xFFFEE0DD
PIXEL_DATA = 0x7FE00010

_PIXEL_REPRESENTATION = 0x00280103
_DELIMITATIONS = frozenset({ITEM_DELIMITATION, SEQUENCE_DELIMITATION})
_TO_LOOK_INTO = frozenset({"SQ", "UN"})
_ENCAPSULATED_VRS = frozenset({"OB", "OW", "OB or OW"})


class Element(NamedTuple):
    """One data element. `offset` and `length` enclose its value with all delimiters that belong to it.

    `vr` is the dictionary's when the data set does not state it; "US or SS" and the like are for the reader to resolve.
    `items` is given for sequences. `fragments` is given for encapsulated data, the offset table's item first.
    """

    tag: int
    vr: str
    offset: int
    length: int
    items: "tuple[DataSet, ...] | None" = None
    fragments: tuple[Span, ...] | None = None


class DataSet(NamedTuple):
    """The elements of a data set or of a sequence item, in the order in which they lie."""

    elements: list[Element]
    little_endian: bool


def has_signed_pixels(data: memoryview, data_set: DataSet, inherited: bool) -> bool:
    """Whether Pixel Representation says so, of the data set or of what surrounds it."""
    for element in data_set.elements:
        if element.tag == _PIXEL_REPRESENTATION and element.length == 2:
            return any(data[element.offset : element.offset + 2])
        if element.tag > _PIXEL_REPRESENTATION:
            break
    return inherited


class Walker:
    """One walk over one encoded data set; counts what it meets. `data` may hold more than the data set."""

    def __init__(self, data: memoryview | FileBytes, max_elements: int | None = None) -> None:
        """`max_elements` stands in for MAX_ELEMENTS."""
        self._data = data
        self._implicit_little = encoding_in(data, IMPLICIT_LITTLE)
        self._explicit_little = encoding_in(data, EXPLICIT_LITTLE)
        self._left = MAX_ELEMENTS if max_elements is None else max_elements

    @property
    def is_beyond_limit(self) -> bool:
        """Whether the walk was given up because there are more elements than it was to meet."""
        return self._left < 0

    def data_set(self, start: int, encoding: Encoding) -> DataSet:
        """The whole data set that begins at `start` and ends with the data.

        Raises:
            InstanceMalformedError: it does not hold together, or is deeper or longer than the limits.
        """
        return DataSet(list(self.elements(start, encoding)), encoding.little_endian)

    def elements(self, start: int, encoding: Encoding) -> Iterator[Element]:
        """The top-level elements one by one, so that the walk may stop early. Raises InstanceMalformedError."""
        data, end, at = self._data, len(self._data), start
        encoding = self._encoding_found(start, end, encoding_in(data, encoding))
        read_header = encoding.read_header
        while at < end:
            if not any(data[at : at + 4]):
                self._check_padding_from(at)
                return
            tag, vr, length, offset = read_header(data, at, end)
            if vr in _TO_LOOK_INTO or length == UNDEFINED_LENGTH or tag in _DELIMITATIONS:
                element = self._element(at, end, encoding, 0)
                at = element.offset + element.length
                if element.tag not in _DELIMITATIONS:  # some writers close a sequence twice
                    yield element
                continue
            # Nearly all are of this kind, and every instance that arrives is walked: no call more than it needs.
            self._left -= 1
            at = offset + length
            if at > end or self._left < 0:
                raise truncated() if at > end else self._too_many()
            yield Element(tag, vr, offset, length)

    def _too_many(self) -> InstanceMalformedError:
        return InstanceMalformedError(f"the instance has more than {MAX_ELEMENTS} data elements")

    def _element(self, at: int, end: int, encoding: Encoding, depth: int) -> Element:
        self._left -= 1
        if self._left < 0:
            raise self._too_many()
        tag, vr, length, offset = encoding.read_header(self._data, at, end)
        if length == UNDEFINED_LENGTH:
            return self._undefined(tag, vr, offset, end, encoding, depth)
        if offset + length > end:
            raise truncated()
        if vr == "SQ":
            items, _ = self._items(offset, offset + length, encoding, depth + 1, delimited=False)
            return Element(tag, vr, offset, length, items)
        if vr == "UN" and encoding.explicit and encoding.little_endian:
            return self._unknown(tag, offset, length, depth)
        return Element(tag, vr, offset, length)

    def _undefined(self, tag: int, vr: str, offset: int, end: int, encoding: Encoding, depth: int) -> Element:
        if vr in _ENCAPSULATED_VRS or (tag == PIXEL_DATA and not depth):
            fragments, after = self._fragments(offset, end, encoding)
            return Element(tag, "OW" if vr == "OW" else "OB", offset, after - offset, None, fragments)
        if vr not in ("SQ", "UN"):
            raise InstanceMalformedError("an element that is neither a sequence nor encapsulated has undefined length")
        # UN of undefined length is a sequence in Implicit VR Little Endian whatever surrounds it (PS3.5 6.2.2 note 4).
        inner = self._implicit_little if vr == "UN" else encoding
        items, after = self._items(offset, end, inner, depth + 1, delimited=True)
        return Element(tag, "SQ", offset, after - offset, items)

    def _unknown(self, tag: int, offset: int, length: int, depth: int) -> Element:
        """An element that some application on the way did not know, but the dictionary does (PS3.5 6.2.2)."""
        vr = implicit_vr(tag)
        if vr != "SQ":
            return Element(tag, vr, offset, length)
        try:
            items, _ = self._items(offset, offset + length, self._implicit_little, depth + 1, delimited=False)
        except InstanceMalformedError:
            return Element(tag, "UN", offset, length)
        return Element(tag, vr, offset, length, items)

    def _items(
        self, at: int, end: int, encoding: Encoding, depth: int, *, delimited: bool
    ) -> tuple[tuple[DataSet, ...], int]:
        if depth > MAX_DEPTH:
            raise InstanceMalformedError(f"sequences are nested more than {MAX_DEPTH} deep")
        items: list[DataSet] = []
        while at < end:
            tag, length, at = self._item_header(at, end, encoding)
            if tag == SEQUENCE_DELIMITATION:
                return tuple(items), at
            if length == UNDEFINED_LENGTH:
                item, at = self._item(at, end, encoding, depth, delimited=True)
            else:
                item, _ = self._item(at, at + length, encoding, depth, delimited=False)
                at += length
            items.append(item)
        if delimited:
            raise truncated()
        return tuple(items), at

    def _item(self, at: int, end: int, encoding: Encoding, depth: int, *, delimited: bool) -> tuple[DataSet, int]:
        elements: list[Element] = []
        # Private sequences are found with items in another encoding than the data set's.
        if encoding.explicit:
            encoding = self._encoding_found(at, end, encoding)
        while at < end:
            element = self._element(at, end, encoding, depth)
            at = element.offset + element.length
            if element.tag == ITEM_DELIMITATION:
                return DataSet(elements, encoding.little_endian), at
            elements.append(element)
        if delimited:
            raise truncated()
        return DataSet(elements, encoding.little_endian), at

    def _fragments(self, at: int, end: int, encoding: Encoding) -> tuple[tuple[Span, ...], int]:
        """Encapsulated data (PS3.5 A.4): items of known length, the first of them the offset table."""
        fragments: list[Span] = []
        while True:
            tag, length, at = self._item_header(at, end, encoding)
            if tag == SEQUENCE_DELIMITATION:
                return tuple(fragments), at
            if length == UNDEFINED_LENGTH:
                raise InstanceMalformedError("a fragment of encapsulated data has undefined length")
            fragments.append(Span(at, length))
            at += length

    def _item_header(self, at: int, end: int, encoding: Encoding) -> tuple[int, int, int]:
        """Tag, length and offset of the content of an item or of a sequence's delimiter."""
        self._left -= 1
        if self._left < 0:
            raise self._too_many()
        if at + 8 > end:
            raise truncated()
        group, number, length = encoding.read_item(self._data, at)
        tag = group << 16 | number
        if tag not in (ITEM, SEQUENCE_DELIMITATION):
            raise InstanceMalformedError("something else stands where an item of a sequence should")
        if length != UNDEFINED_LENGTH and at + 8 + length > end:
            raise truncated()
        return tag, length, at + 8

    def _encoding_found(self, at: int, end: int, encoding: Encoding) -> Encoding:
        """The encoding that the first element shows, where that is not the one declared."""
        if at + 8 > end or not encoding.little_endian:
            return encoding
        explicit = bytes(self._data[at + 4 : at + 6]) in VRS
        if encoding.explicit and not explicit and self._looks_implicit(at, end):
            return self._implicit_little
        if not encoding.explicit and explicit:
            return self._explicit_little
        return encoding

    def _looks_implicit(self, at: int, end: int) -> bool:
        tag, _, length, offset = self._implicit_little.read_header(self._data, at, end)
        fits = length == UNDEFINED_LENGTH or offset + length <= end
        return fits and tag >> 16 != 0xFFFE

    def _check_padding_from(self, at: int) -> None:
        """Nothing but zeros may follow: some writers fill up the last block, and no element has tag 0."""
        step = 65536
        if any(any(self._data[start : start + step]) for start in range(at, len(self._data), step)):
            raise InstanceMalformedError("zeros stand where an element should")
