"""JPEG 2000 through OpenJPEG, and HTJ2K through OpenJPH. Signed samples are encoded as such."""

import math

import imagecodecs

from radgate_server.adapters.imaging.samples.containers import Array, Encoded, narrowed
from radgate_server.core.dicom.pixel_data.image_pixel import ImagePixel
from radgate_server.core.dicom.transfer_syntaxes import HTJ2K, JPEG_2000
from radgate_server.core.imaging.frames import EncodeTarget

_LOWEST_RESOLUTION = 64
"""Rows or columns of the lowest resolution are at most that many (PS3.5 10.18)."""
_USUAL_LEVELS = 5

_STEP_OF_QUALITY_50 = 0.0125
"""Quantization step of HTJ2K, as a fraction of the samples' range, whose error is that of JPEG with quality 50."""
_SNR_OF_QUALITY_50 = 46.0
"""Peak signal-to-noise ratio of JPEG 2000 in dB, of the same error."""


def encode_jpeg2000(samples: Array, image: ImagePixel, target: EncodeTarget) -> Encoded:
    """One tile, one quality layer, colour transform on RGB."""
    lossy = target.transfer_syntax_uid == JPEG_2000
    transformed = image.photometric_interpretation == "RGB"
    data = imagecodecs.jpeg2k_encode(
        narrowed(samples, image.bits_stored),
        level=_signal_to_noise(target.quality) if lossy else 0,
        codecformat="j2k",
        reversible=not lossy,
        mct=transformed,
        resolutions=_levels(image) + 1,
        bitspersample=image.bits_stored,
    )
    return Encoded(bytes(data), lossy, _photometric_interpretation(image, lossy))


def encode_htj2k(samples: Array, image: ImagePixel, target: EncodeTarget) -> Encoded:
    """By resolution, position, component, with tile-part lengths: what .202 asks for serves the others as well."""
    lossy = target.transfer_syntax_uid == HTJ2K
    # OpenJPH, as viewers have it, gives components without a transform one after the other, and they take that for
    # pixels. The transform is undone by every decoder, whatever the three components are.
    transformed = image.photometric_interpretation == "RGB" or (target.bare and image.samples_per_pixel == 3)
    data = imagecodecs.htj2k_encode(
        narrowed(samples, image.bits_stored),
        level=_STEP_OF_QUALITY_50 * _coarseness(target.quality) if lossy else None,
        rgb=transformed,
        reversible=not lossy,
        prog_order="RPCL",
        tlm=True,
        tilepart="RESOLUTIONS",
        resolutions=_levels(image),
        bitspersample=image.bits_stored,
    )
    return Encoded(bytes(data), lossy, _photometric_interpretation(image, lossy))


def _photometric_interpretation(image: ImagePixel, lossy: bool) -> str | None:
    """Which transform was applied (PS3.5 8.2.4)."""
    if image.photometric_interpretation != "RGB":
        return None
    return "YBR_ICT" if lossy else "YBR_RCT"


def _levels(image: ImagePixel) -> int:
    """Wavelet decompositions, so many that the lowest resolution is small enough to be a thumbnail."""
    levels = _USUAL_LEVELS
    while min(image.rows, image.columns) >> levels > _LOWEST_RESOLUTION - 1:
        levels += 1
    return levels


def _coarseness(quality: int) -> float:
    """Libjpeg's scale of quality: 1 at 50, 0.2 at 90, next to nothing at 100."""
    return 50 / quality if quality < 50 else max(2 - quality / 50, 0.01)


def _signal_to_noise(quality: int) -> int:
    return round(_SNR_OF_QUALITY_50 - 20 * math.log10(_coarseness(quality)))
