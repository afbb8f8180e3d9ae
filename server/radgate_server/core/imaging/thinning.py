"""Every n-th pixel of every n-th row of a native frame (PS3.5 8.1), taken from no more than a few rows at a time."""

from collections.abc import Iterator
from dataclasses import dataclass

from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel


@dataclass(frozen=True, slots=True)
class Thinning:
    """Leaves out of a frame that `image` describes all but every `step`-th row and column; the first ones stay."""

    image: ImagePixel
    step: int

    @classmethod
    def of(cls, image: ImagePixel, step: int, size_bytes: int) -> "Thinning | None":
        """Of a frame of that size; None when its pixels don't lie one after the other, each in bytes of its own.

        Such are pixels of 1 bit, with chroma for every second one alone, colour by plane, and a frame that is not as
        long as the data set says: what it holds may be anything. None also of pixels with bits below theirs, which
        encoders refuse.
        """
        whole_bytes = image.native_frame_bits == 8 * image.decoded_frame_bytes
        by_plane = image.samples_per_pixel > 1 and image.planar_configuration
        if image.bits_below or not whole_bytes or by_plane or size_bytes - image.decoded_frame_bytes not in (0, 1):
            return None
        return cls(image, step)

    @property
    def thinned_image(self) -> ImagePixel:
        """Describes what is left, the words of which stay as they are."""
        rows, columns = (-(-side // self.step) for side in (self.image.rows, self.image.columns))
        return self.image._replace(rows=rows, columns=columns)

    def strips(self, most_bytes: int) -> Iterator[tuple[int, int]]:
        """Offset and length of each part to read: from a row that stays to the end of one; `most_bytes`, or a row.

        Where such rows lie further apart, what is between them is not read.
        """
        row_bytes = self.image.columns * self._pixel_bytes
        at_once = max(1, most_bytes // (self.step * row_bytes)) * self.step
        for first in range(0, self.image.rows, at_once):
            last = range(first, min(first + at_once, self.image.rows), self.step)[-1]
            yield first * row_bytes, (last + 1 - first) * row_bytes

    def thin(self, strip: bytes) -> bytes:
        """What is left of a strip."""
        pixel_bytes, row_bytes = self._pixel_bytes, self.image.columns * self._pixel_bytes
        left = bytearray()
        for start in range(0, len(strip), self.step * row_bytes):
            row = strip[start : start + row_bytes]
            pixels = bytearray(self.thinned_image.columns * pixel_bytes)
            for place in range(pixel_bytes):
                pixels[place::pixel_bytes] = row[place :: pixel_bytes * self.step]
            left += pixels
        return bytes(left)

    @property
    def _pixel_bytes(self) -> int:
        return self.image.samples_per_pixel * self.image.bits_allocated // 8
