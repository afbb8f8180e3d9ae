"""Native Pixel Data (PS3.5 8.1) as Explicit VR Little Endian holds it."""

from collections.abc import Sequence
from typing import NamedTuple

from radgate_server.core.dicom.dataset.byte_order import Part, swapped
from radgate_server.core.dicom.dataset.file_meta import encoding_of
from radgate_server.core.dicom.dataset.json_model import PIXEL_DATA_TAGS
from radgate_server.core.dicom.dataset.opened_file import inflated_data_set
from radgate_server.core.dicom.instance_index import InstanceIndex
from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel

_FLOAT_WORDS = {"OF": "I", "OD": "Q"}
_PIXEL_WORDS = {32: "I", 64: "Q"}
_WORD_BYTES = {"B": 1, "H": 2, "I": 4, "Q": 8}


class NativePixels(NamedTuple):
    """The value of native Pixel Data. `word` is the array code of what its byte order counts in ("B": it has none)."""

    value: memoryview
    word: str

    @classmethod
    def of(cls, value: memoryview, vr: str, image: ImagePixel, *, little_endian: bool) -> "NativePixels":
        """OW has words of 16 bits, also for smaller pixels; larger ones are turned around whole, as all writers do."""
        if little_endian or vr == "OB":
            return cls(value, "B")
        return cls(value, _FLOAT_WORDS.get(vr) or _PIXEL_WORDS.get(image.bits_allocated, "H"))

    def little_endian(self) -> Part:
        """The whole value."""
        return self.value if self.word == "B" else swapped(self.value, self.word)

    def frame(self, image: ImagePixel, frame_number: int) -> bytes:
        """Frame `frame_number` (from 1), the first bit of its first pixel in the lowest bit of the first byte.

        The value must be long enough.
        """
        word_bits = 8 * _WORD_BYTES[self.word]
        first_bit = image.native_frame_bits * (frame_number - 1)
        end_bit = first_bit + image.native_frame_bits
        first_word, shift = divmod(first_bit, word_bits)
        start, end = first_word * word_bits // 8, -(-end_bit // word_bits) * word_bits // 8
        covering = NativePixels(self.value[start:end], self.word).little_endian()
        return _cut_bits(covering, shift, image.native_frame_bits)


def read_native_frames(
    file: memoryview, index: InstanceIndex, image: ImagePixel, frame_numbers: Sequence[int]
) -> list[bytes]:
    """Cut frames, whose numbers are known to exist, out of a DICOM file with native Pixel Data in any encoding.

    Raises:
        InstanceMalformedError: a deflated data set can't be inflated.
    """
    data = inflated_data_set(file) if index.deflated else file
    item = next(index.bulk[path] for tag in PIXEL_DATA_TAGS if (path := f"{tag:08X}") in index.bulk)
    offset, length = item.spans[0]
    little_endian = encoding_of(index.transfer_syntax_uid).little_endian
    pixels = NativePixels.of(data[offset : offset + length], item.vr, image, little_endian=little_endian)
    return [pixels.frame(image, number) for number in frame_numbers]


def _cut_bits(covering: Part, shift: int, bits: int) -> bytes:
    if not shift % 8 and not bits % 8:
        return bytes(covering[shift // 8 : (shift + bits) // 8])
    number = int.from_bytes(covering, "little") >> shift & (1 << bits) - 1
    return number.to_bytes((bits + 7) // 8, "little")
