"""What happens to a frame: as stored, decoded, encoded again, rendered. All can be sent to another process."""

from dataclasses import dataclass

from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel


@dataclass(frozen=True, slots=True)
class StoredFrame:
    """One frame's bytes as the instance holds them, and what the data set says of them.

    `data` is a native frame (PS3.5 8.1, in little endian, a 1-bit frame with its first pixel in the lowest bit of the
    first byte) or an encapsulated one with its fragments joined (PS3.5 A.4).
    """

    data: bytes
    transfer_syntax_uid: str
    image: ImagePixel


@dataclass(frozen=True, slots=True)
class DecodedFrame:
    """Samples in little endian in the container that Bits Allocated says, colour by pixel (Planar Configuration 0).

    `image` describes `pixels`: after partial decoding its rows and columns are fewer than the stored frame's, after a
    colour transform was undone its Photometric Interpretation is another. Pixels of 1 bit are one byte each, 0 or 1,
    and Bits Allocated is 8 then. `notes` say where the bytes and the data set disagree, without patient data.
    """

    pixels: bytes
    image: ImagePixel
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EncodeTarget:
    """What a frame is to become: a transfer syntax, for lossy ones with a quality (1 to 100), for .81 an error bound.

    `near` is the largest difference of a sample in JPEG-LS near-lossless (ISO 14495-1), 0 elsewhere. `bare`: the frame
    leaves without a data set of its own, to be read by the metadata of the stored instance.
    """

    transfer_syntax_uid: str
    quality: int = 90
    near: int = 2
    bare: bool = False


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    """A frame in another transfer syntax. `image` says what the data set has to say of it now.

    `lossy` when the pixels are not those of the stored frame any more; what was lossy before stays unmentioned here.
    """

    data: bytes
    transfer_syntax_uid: str
    image: ImagePixel
    lossy: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RenderedImage:
    """A picture for a browser. `rows` and `columns` are the picture's own, after the viewport was applied."""

    data: bytes
    media_type: str
    rows: int
    columns: int
    notes: tuple[str, ...] = ()
