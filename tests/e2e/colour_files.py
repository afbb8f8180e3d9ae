"""Images in every colour that viewers meet, real ones and some made for what the real ones lack, and what they show."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from io import BytesIO
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels import apply_color_lut, pixel_array

from radgate_server.core.dicom.transfer_syntaxes import (
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    JPEG_2000,
    JPEG_2000_LOSSLESS,
    JPEG_BASELINE,
    JPEG_EXTENDED,
    JPEG_LOSSLESS_SV1,
    JPEG_LS_LOSSLESS,
    JPEG_LS_NEAR_LOSSLESS,
)
from tests.fakes.instances import make_dataset
from tests.unit.core.dicom import corpus

type Pixels = np.ndarray[Any, Any]

STUDY = "2.25.880100"
COLOUR = "colour"
"""The tenant that has them."""
ROWS, COLUMNS = 48, 64
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"

_REAL = (
    "SC_rgb.dcm",
    "SC_rgb_16bit.dcm",
    "SC_rgb_expb.dcm",
    "SC_rgb_rle.dcm",
    "SC_rgb_jls_lossy_line.dcm",
    "SC_rgb_jpeg_gdcm.dcm",
    "SC_rgb_jpeg_dcmtk.dcm",
    "SC_rgb_jpeg_lossy_gdcm.dcm",
    "SC_rgb_dcmtk_+eb+cr.dcm",
    "SC_rgb_dcmtk_+eb+cy+np.dcm",
    "SC_rgb_dcmtk_+eb+cy+s2.dcm",
    "SC_rgb_dcmtk_+eb+cy+s4.dcm",
    "SC_rgb_gdcm_KY.dcm",
    "SC_ybr_full_uncompressed.dcm",
    "SC_ybr_full_422_uncompressed.dcm",
    "color-pl.dcm",
    "ExplVR_BigEnd.dcm",
    "US1_J2KR.dcm",
    "examples_jpeg2k.dcm",
    "examples_ybr_color.dcm",
    "examples_palette.dcm",
    "SC_rgb_small_odd_jpeg.dcm",
)


@dataclass(frozen=True)
class ColourFile:
    """An instance, and its first frame as it is to be seen: RGB, or the stored values where it has no colour."""

    name: str
    dataset: Dataset
    shown: Pixels

    @property
    def path(self) -> str:
        """Of its first frame, below the gateway."""
        dataset = self.dataset
        series = f"/dicom-web/studies/{dataset.StudyInstanceUID}/series/{dataset.SeriesInstanceUID}"
        return f"{series}/instances/{dataset.SOPInstanceUID}"


@cache
def colour_files() -> list[ColourFile]:
    """All of them, as instances of one study."""
    files = [(name, pydicom.dcmread(_path(name))) for name in _REAL]
    files += [(name, dataset) for name, dataset in _made()]
    found = []
    for number, (name, dataset) in enumerate(files, start=1):
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID = STUDY, f"{STUDY}.1"
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"{STUDY}.1.{number}"
        dataset.PatientID, dataset.PatientName = "COLOUR", "Colour^Test"
        dataset.StudyDate, dataset.Modality = "20260102", dataset.get("Modality") or "OT"
        found.append(ColourFile(name, dataset, shown_of(dataset)))
    return found


def _path(name: str) -> Path:
    return next(path for path in corpus.FILES if path.name == name)


def picture() -> Pixels:
    """RGB of 8 bits, smooth and in every direction another one, with patches of pure colours."""
    rows, columns = np.mgrid[:ROWS, :COLUMNS]
    rgb = np.stack((columns * 4, rows * 5, 255 - columns * 2 - rows), axis=-1).astype(np.uint8)
    for place, colour in enumerate(((255, 0, 0), (0, 255, 0), (0, 0, 255), (222, 170, 140))):
        rgb[8:24, 4 + 14 * place : 14 + 14 * place] = colour
    return rgb


def to_ybr(rgb: Pixels) -> Pixels:
    """YBR_FULL (PS3.3 C.7.6.3.1.2)."""
    return np.asarray(Image.fromarray(rgb).convert("YCbCr"))


def to_rgb(ybr: Pixels, bits: int = 8) -> Pixels:
    """The reverse, also of more bits."""
    if bits > 8:
        luma, blue, red = np.moveaxis(ybr.astype(float), -1, 0)
        blue, red = blue - (1 << bits - 1), red - (1 << bits - 1)
        rgb = np.stack((luma + 1.402 * red, luma - 0.344136 * blue - 0.714136 * red, luma + 1.772 * blue), axis=-1)
        return rgb.round().clip(0, (1 << bits) - 1).astype(ybr.dtype)
    return np.asarray(Image.fromarray(ybr, "YCbCr").convert("RGB"))


def _made() -> list[tuple[str, Dataset]]:
    rgb, ybr = picture(), to_ybr(picture())
    deep = (rgb.astype(np.uint16) << 8) | rgb
    grey, grey16, rgb12 = rgb[..., 0], deep[..., 1] >> 4, deep >> 4
    return [
        ("rgb", _native(rgb, "RGB")),
        ("rgb planar", _native(rgb, "RGB", planar=1)),
        ("rgb 16 planar", _native(deep, "RGB", planar=1)),
        ("rgb planar big endian", _native(rgb, "RGB", planar=1, syntax=EXPLICIT_VR_BIG_ENDIAN)),
        ("ybr_full", _native(ybr, "YBR_FULL")),
        ("ybr_full planar", _native(ybr, "YBR_FULL", planar=1)),
        ("ybr_full called 422", _native(ybr, "YBR_FULL_422")),
        ("ybr_full jpeg-ls", _packed(ybr, "YBR_FULL", JPEG_LS_LOSSLESS, bytes(imagecodecs.jpegls_encode(ybr)))),
        ("rgb jpeg-ls planar 1", _packed(rgb, "RGB", JPEG_LS_LOSSLESS, bytes(imagecodecs.jpegls_encode(rgb)), 1)),
        ("rgb j2k", _packed(rgb, "RGB", JPEG_2000_LOSSLESS, _j2k(rgb, mct=False))),
        ("ybr_full j2k", _packed(ybr, "YBR_FULL", JPEG_2000_LOSSLESS, _j2k(ybr, mct=False))),
        ("ybr_rct j2k", _packed(rgb, "YBR_RCT", JPEG_2000_LOSSLESS, _j2k(rgb, mct=True))),
        ("ybr_ict j2k", _packed(rgb, "YBR_ICT", JPEG_2000, _j2k(rgb, mct=True, level=60))),
        ("ybr_full_422 jpeg", _packed(rgb, "YBR_FULL_422", JPEG_BASELINE, _jpeg(rgb, "422"))),
        ("ybr_full_422 jpeg planar 1", _packed(rgb, "YBR_FULL_422", JPEG_BASELINE, _jpeg(rgb, "422"), 1)),
        ("ybr_full jpeg", _packed(rgb, "YBR_FULL", JPEG_BASELINE, _jpeg(rgb, "444"))),
        ("ybr_full_422 12 jpeg", _extended(rgb12, "YBR_FULL_422", "422")),
        ("ybr_full 12 jpeg", _extended(rgb12, "YBR_FULL", "444")),
        ("monochrome2 12 jpeg", _extended(grey16, "MONOCHROME2", None)),
        ("monochrome1", _native(grey, "MONOCHROME1")),
        ("monochrome2 12", _native(grey16, "MONOCHROME2", bits=12)),
    ]


def _j2k(pixels: Pixels, *, mct: bool, level: int = 0) -> bytes:
    return bytes(imagecodecs.jpeg2k_encode(pixels, codecformat="j2k", level=level, reversible=not level, mct=mct))


def _jpeg(rgb: Pixels, subsampling: str) -> bytes:
    return bytes(imagecodecs.jpeg8_encode(rgb, level=95, subsampling=subsampling))


def _extended(pixels: Pixels, interpretation: str, subsampling: str | None) -> Dataset:
    """JPEG Extended (process 4), of 12 bits."""
    frame = bytes(imagecodecs.jpeg8_encode(pixels, level=95, subsampling=subsampling, bitspersample=12))
    return _dataset(pixels, interpretation, JPEG_EXTENDED, encapsulate([frame]), planar=0, bits=12)


def _native(
    pixels: Pixels, interpretation: str, *, planar: int = 0, syntax: str = EXPLICIT_VR_LITTLE_ENDIAN, bits: int = 0
) -> Dataset:
    ordered = pixels.transpose(2, 0, 1) if planar else pixels
    order = ">" if syntax == EXPLICIT_VR_BIG_ENDIAN and pixels.itemsize > 1 else "<"
    value = np.ascontiguousarray(ordered).astype(f"{order}u{pixels.itemsize}").tobytes()
    return _dataset(pixels, interpretation, syntax, value, planar, bits)


def _packed(pixels: Pixels, interpretation: str, syntax: str, frame: bytes, planar: int = 0) -> Dataset:
    return _dataset(pixels, interpretation, syntax, encapsulate([frame]), planar)


def _dataset(pixels: Pixels, interpretation: str, syntax: str, value: bytes, planar: int, bits: int = 0) -> Dataset:
    samples = 1 if pixels.ndim == 2 else 3
    allocated = 8 * pixels.itemsize
    stored = bits or allocated
    return make_dataset(
        STUDY,
        f"{STUDY}.1",
        f"{STUDY}.1.1",
        rows=pixels.shape[0],
        columns=pixels.shape[1],
        transfer_syntax_uid=syntax,
        SOPClassUID=SECONDARY_CAPTURE,
        Modality="OT",
        SamplesPerPixel=samples,
        PhotometricInterpretation=interpretation,
        PlanarConfiguration=planar if samples == 3 else None,
        BitsAllocated=allocated,
        BitsStored=stored,
        HighBit=stored - 1,
        PixelData=value,
    )


def shown_of(dataset: Dataset) -> Pixels:
    """The first frame as it is to be seen, by other means than Radgate's."""
    pixels = _stored(dataset)
    interpretation = dataset.PhotometricInterpretation
    if dataset.file_meta.TransferSyntaxUID in (JPEG_BASELINE, JPEG_EXTENDED):
        return pixels
    if interpretation == "PALETTE COLOR":
        return (apply_color_lut(pixels, dataset) >> 8).astype(np.uint8)
    return to_rgb(pixels, dataset.BitsStored) if interpretation.startswith("YBR_FULL") else pixels


def _stored(dataset: Dataset) -> Pixels:
    syntax = dataset.file_meta.TransferSyntaxUID
    shape = (dataset.Rows, dataset.Columns, 3)
    if dataset.PhotometricInterpretation == "YBR_FULL_422" and len(dataset.PixelData) == np.prod(shape):
        return np.frombuffer(dataset.PixelData, np.uint8).reshape(shape)  # pydicom refuses it
    if syntax not in _DECODERS:
        return pixel_array(dataset, index=0, raw=True)
    frames = generate_frames(dataset.PixelData, number_of_frames=int(dataset.get("NumberOfFrames", 1)))
    return np.asarray(_DECODERS[syntax](next(frames)))


def _as_browsers_do(frame: bytes) -> Pixels:
    return np.asarray(Image.open(BytesIO(frame)).convert("RGB"))


_DECODERS: dict[str, Callable[[bytes], Pixels]] = {
    JPEG_BASELINE: _as_browsers_do,
    JPEG_EXTENDED: imagecodecs.jpeg8_decode,  # that converts to RGB, too
    JPEG_LOSSLESS_SV1: partial(imagecodecs.jpeg8_decode, colorspace="RGB", outcolorspace="RGB"),
    JPEG_LS_LOSSLESS: imagecodecs.jpegls_decode,
    JPEG_LS_NEAR_LOSSLESS: imagecodecs.jpegls_decode,
}
