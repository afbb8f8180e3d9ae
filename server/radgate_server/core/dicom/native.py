"""Native Pixel Data (PS3.5 8.1) as Explicit VR Little Endian holds it."""

from radgate_server.core.dicom.image_pixel import ImagePixel
from radgate_server.core.dicom.words import Part, swapped

_FLOAT_WORDS = {"OF": "I", "OD": "Q"}
_PIXEL_WORDS = {32: "I", 64: "Q"}


def little_endian_pixels(value: memoryview, vr: str, image: ImagePixel, *, little_endian: bool) -> Part:
    """Return the value of Pixel Data with its words turned around if they have to be.

    OW holds words of 16 bits, also when pixels are smaller; larger pixels are turned around whole, as all writers do.
    """
    if little_endian or vr == "OB":
        return value
    return swapped(value, _FLOAT_WORDS.get(vr) or _PIXEL_WORDS.get(image.bits_allocated, "H"))


def native_frame(pixels: Part, image: ImagePixel, frame_number: int) -> bytes:
    """Cut frame `frame_number` (from 1) out, the first bit of its first pixel in the lowest bit of the first byte.

    `pixels` are little endian and long enough.
    """
    bits = image.native_frame_bits
    first_byte, shift = divmod(bits * (frame_number - 1), 8)
    covering = pixels[first_byte : first_byte + (shift + bits + 7) // 8]
    if not shift and not bits % 8:
        return bytes(covering)
    number = int.from_bytes(covering, "little") >> shift & (1 << bits) - 1
    return number.to_bytes((bits + 7) // 8, "little")
