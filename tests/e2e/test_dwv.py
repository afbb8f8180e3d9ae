"""Colour as dwv shows it: whole instances in every syntax that it decodes, in a real browser.

dwv is free software under another licence than Radgate's: it is fetched for this test, and is part of nothing.
"""

import base64
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

from radgate_server.core.dicom.transfer_syntaxes import (
    EXPLICIT_VR_LITTLE_ENDIAN,
    JPEG_2000,
    JPEG_2000_LOSSLESS,
    JPEG_BASELINE,
    JPEG_LOSSLESS_SV1,
    JPEG_LS_LOSSLESS,
    RLE_LOSSLESS,
    TRANSFER_SYNTAXES,
    is_native,
)
from tests.e2e.browser import chromium
from tests.e2e.colour_files import COLOUR, ColourFile, colour_files
from tests.e2e.npm_page import DWV, serve_page
from tests.e2e.radgate_process import RadgateProcess

STORED = "*"
SYNTAXES = (
    STORED,
    EXPLICIT_VR_LITTLE_ENDIAN,
    JPEG_2000_LOSSLESS,
    JPEG_2000,
    RLE_LOSSLESS,
    JPEG_LOSSLESS_SV1,
    JPEG_BASELINE,
)
NAMES = (
    "SC_rgb_rle.dcm",
    "SC_rgb_jpeg_gdcm.dcm",
    "SC_rgb_dcmtk_+eb+cy+np.dcm",
    "SC_rgb_dcmtk_+eb+cy+s4.dcm",
    "rgb",
    "rgb planar",
    "rgb planar big endian",
    "ybr_full",
    "ybr_full planar",
    "rgb jpeg-ls planar 1",
    "rgb j2k",
    "ybr_full j2k",
    "ybr_rct j2k",
    "ybr_ict j2k",
    "ybr_full_422 jpeg",
    "ybr_full jpeg",
    "monochrome1",
    "monochrome2 12",
)
FILES = [file for file in colour_files() if file.name in NAMES]

ROUNDING = 1
LOSSY_MEAN = 4
"""Levels, of 256: dwv repeats subsampled chroma, where the expected image interpolates it."""
DTYPES = {1: "u1", 2: "<u2", 4: "<i4"}


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with serve_page(DWV) as url, chromium() as browser:
        page = browser.new_page()
        page.set_default_timeout(60_000)
        page.goto(url)
        page.wait_for_function("window.ready")
        yield page


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_dwv_shows_the_image_in_every_syntax(file: ColourFile, colour_server: RadgateProcess, page: Page) -> None:
    syntaxes = [syntax for syntax in SYNTAXES if not dwv_can_not(file, syntax)]
    key = f"Bearer {colour_server.keys[COLOUR]}"
    works = [
        {
            "url": colour_server.url + file.path,
            "headers": {"Authorization": key, "Accept": f"application/dicom; transfer-syntax={syntax}"},
        }
        for syntax in syntaxes
    ]
    shown = page.evaluate("works => window.show(works)", works)
    problems = {
        syntax: problem
        for syntax, one in zip(syntaxes, shown, strict=True)
        if (problem := why_wrong(file, stored(file) if syntax == STORED else syntax, one))
    }
    assert problems == {}


def dwv_can_not(file: ColourFile, syntax: str) -> bool:
    """What it does not decode, or takes for something else than the data set says."""
    target = stored(file) if syntax == STORED else syntax
    interpretation, deep = file.dataset.PhotometricInterpretation, file.dataset.BitsStored > 8
    if target in (JPEG_2000, JPEG_2000_LOSSLESS, JPEG_LOSSLESS_SV1) and interpretation == "YBR_FULL":
        return True  # taken for RGB
    if deep and target == JPEG_2000:
        return True  # values below 0 come round at 65535
    return target == JPEG_LS_LOSSLESS or (deep and target == JPEG_BASELINE)


def stored(file: ColourFile) -> str:
    return str(file.dataset.file_meta.TransferSyntaxUID)


def why_wrong(file: ColourFile, syntax: str, shown: dict[str, Any]) -> str:
    """What is wrong with what dwv showed; empty when nothing is."""
    if "problem" in shown:
        return str(shown["problem"])
    pixels = np.frombuffer(base64.b64decode(shown["pixels"]), DTYPES[shown["sampleBytes"]])
    if file.shown.ndim == 3:
        pixels = pixels.reshape(*file.shown.shape[:2], 4)[..., :3]
    difference = np.abs(pixels.reshape(file.shown.shape).astype(float) - file.shown)
    if not is_native(syntax) and TRANSFER_SYNTAXES[syntax].lossy:
        return "" if difference.mean() < LOSSY_MEAN else f"{difference.mean():.1f} levels in the mean"
    allowed = ROUNDING if file.dataset.PhotometricInterpretation.startswith("YBR_FULL") else 0
    return "" if difference.max() <= allowed else f"{difference.max():.0f} levels"
