"""The picture that stands for what has no pixels: a word in plain letters, drawn here, on an even ground."""

from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel
from radgate_server.core.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN
from radgate_server.core.imaging.frames import StoredFrame
from radgate_server.core.imaging.presentation.model import Presentation
from radgate_server.core.imaging.render_target import Window

SIDE = 64
"""Rows and columns of the picture before it is scaled."""

AS_DRAWN = Presentation(windows=(Window(128, 256),))
"""Shows the stored values 0 to 255 as they are."""

_GROUND, _INK = 40, 200
_GLYPH_ROWS, _GLYPH_COLUMNS, _ADVANCE, _LINE_HEIGHT = 7, 5, 6, 10
_GLYPHS = {
    " ": "00 00 00 00 00 00 00",
    "0": "0E 11 13 15 19 11 0E",
    "1": "04 0C 04 04 04 04 0E",
    "2": "0E 11 01 02 04 08 1F",
    "3": "1F 02 04 02 01 11 0E",
    "4": "02 06 0A 12 1F 02 02",
    "5": "1F 10 1E 01 01 11 0E",
    "6": "06 08 10 1E 11 11 0E",
    "7": "1F 01 02 04 08 08 08",
    "8": "0E 11 11 0E 11 11 0E",
    "9": "0E 11 11 0F 01 02 0C",
    "A": "0E 11 11 1F 11 11 11",
    "B": "1E 11 11 1E 11 11 1E",
    "C": "0E 11 10 10 10 11 0E",
    "D": "1E 11 11 11 11 11 1E",
    "E": "1F 10 10 1E 10 10 1F",
    "F": "1F 10 10 1E 10 10 10",
    "G": "0E 11 10 17 11 11 0F",
    "H": "11 11 11 1F 11 11 11",
    "I": "0E 04 04 04 04 04 0E",
    "J": "07 02 02 02 02 12 0C",
    "K": "11 12 14 18 14 12 11",
    "L": "10 10 10 10 10 10 1F",
    "M": "11 1B 15 15 11 11 11",
    "N": "11 11 19 15 13 11 11",
    "O": "0E 11 11 11 11 11 0E",
    "P": "1E 11 11 1E 10 10 10",
    "Q": "0E 11 11 11 15 12 0D",
    "R": "1E 11 11 1E 14 12 11",
    "S": "0F 10 10 0E 01 01 1E",
    "T": "1F 04 04 04 04 04 04",
    "U": "11 11 11 11 11 11 0E",
    "V": "11 11 11 11 11 0A 04",
    "W": "11 11 11 15 15 15 0A",
    "X": "11 11 0A 04 0A 11 11",
    "Y": "11 11 11 0A 04 04 04",
    "Z": "1F 01 02 04 08 10 1F",
}
"""Seven rows of five dots each, the leftmost dot in the highest of five bits."""


def placeholder(label: str) -> StoredFrame:
    """A frame of SIDE by SIDE grey values with each word of `label` (A-Z, 0-9, at most 10 letters) on a line.

    It goes the way of every other frame to become a picture of any size and media type.
    """
    pixels = bytearray([_GROUND]) * (SIDE * SIDE)
    words = label.split(" ")
    scale = 2 if max(map(len, words)) * _ADVANCE * 2 <= SIDE else 1
    height = (len(words) * _LINE_HEIGHT - (_LINE_HEIGHT - _GLYPH_ROWS)) * scale
    for line, word in enumerate(words):
        width = (len(word) * _ADVANCE - (_ADVANCE - _GLYPH_COLUMNS)) * scale
        top, left = (SIDE - height) // 2 + line * _LINE_HEIGHT * scale, (SIDE - width) // 2
        for position, letter in enumerate(word):
            _draw(pixels, letter, top, left + position * _ADVANCE * scale, scale)
    image = ImagePixel(SIDE, SIDE, 1, 8, 8, 0, 1, "MONOCHROME2")
    return StoredFrame(bytes(pixels), EXPLICIT_VR_LITTLE_ENDIAN, image)


def _draw(pixels: bytearray, letter: str, top: int, left: int, scale: int) -> None:
    for row, dots in enumerate(bytes.fromhex(_GLYPHS[letter])):
        for column in range(_GLYPH_COLUMNS):
            if dots >> (_GLYPH_COLUMNS - 1 - column) & 1:
                for line in range(scale):
                    start = (top + row * scale + line) * SIDE + left + column * scale
                    pixels[start : start + scale] = bytes([_INK]) * scale
