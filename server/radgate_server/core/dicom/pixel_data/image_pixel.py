"""The Image Pixel attributes (PS3.3 C.7.6.3) that say how Pixel Data is to be read."""

from typing import Any, NamedTuple

from radgate_server.core.dicom.data_sets import DicomJson

_SUBSAMPLED = frozenset({"YBR_FULL_422", "YBR_PARTIAL_422"})


class ImagePixel(NamedTuple):
    """What a data set says of its pixels; numbers that it lacks or has wrong are 0 (counts of one thing: 1).

    `high_bit` is as stated, be it possible or not; -1, when it is not, stands for Bits Stored - 1.
    """

    rows: int
    columns: int
    samples_per_pixel: int
    bits_allocated: int
    bits_stored: int
    pixel_representation: int
    number_of_frames: int
    photometric_interpretation: str
    planar_configuration: int = 0
    high_bit: int = -1

    @property
    def bits_below(self) -> int:
        """Bits of a native word below its stored ones (PS3.5 8.1.1): none unless High Bit is possible and says so."""
        possible = 0 < self.bits_stored <= self.high_bit < self.bits_allocated
        return self.high_bit + 1 - self.bits_stored if possible else 0

    def of_native(self, size_bytes: int) -> "ImagePixel":
        """What native Pixel Data of that size hold: YBR_FULL where YBR_FULL_422 is stated and no sample is left out.

        Devices that decode JPEG leave the Photometric Interpretation as it was.
        """
        whole_bytes = self.decoded_frame_bytes * self.number_of_frames
        if self.photometric_interpretation != "YBR_FULL_422" or not 0 < whole_bytes <= size_bytes:
            return self
        return self._replace(photometric_interpretation="YBR_FULL")

    @property
    def native_frame_bits(self) -> int:
        """Bits of one native frame; 0 when it can't be determined."""
        bits = self.rows * self.columns * self.samples_per_pixel * self.bits_allocated
        # Of three samples, every second pixel's chroma is left out (PS3.3 C.7.6.3.1.2).
        return bits * 2 // 3 if self.photometric_interpretation in _SUBSAMPLED else bits

    @property
    def decoded_frame_bytes(self) -> int:
        """Bytes of one frame when every sample is there and takes whole bytes."""
        return self.rows * self.columns * self.samples_per_pixel * (self.bits_allocated // 8)


def image_pixel(model: DicomJson) -> ImagePixel:
    """Take the attributes from a data set's model."""
    bits_allocated = _number(model, "00280100", 0)
    return ImagePixel(
        rows=_number(model, "00280010", 0),
        columns=_number(model, "00280011", 0),
        samples_per_pixel=_number(model, "00280002", 1),
        bits_allocated=bits_allocated,
        bits_stored=_number(model, "00280101", bits_allocated),
        pixel_representation=min(_number(model, "00280103", 0), 1),
        number_of_frames=_number(model, "00280008", 1),
        photometric_interpretation=str(_first(model, "00280004") or ""),
        planar_configuration=min(_number(model, "00280006", 0), 1),
        high_bit=_number(model, "00280102", -1),
    )


def _first(model: DicomJson, key: str) -> Any:
    return model.get(key, {}).get("Value", [None])[0]


def _number(model: DicomJson, key: str, default: int) -> int:
    value = _first(model, key)
    return value if isinstance(value, int) and value > 0 else default
