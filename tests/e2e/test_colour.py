"""Colour as viewers show it: Cornerstone3D's loader in a real browser, by the metadata and a frame; whole instances.

Pictures of all that the browser showed are left in build/e2e/colour.png: a row for each file, a column for each syntax.
"""

import base64
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import httpx
import numpy as np
import pydicom
import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Page

from radgate_server.core.dicom.transfer_syntaxes import (
    EXPLICIT_VR_LITTLE_ENDIAN,
    HTJ2K,
    HTJ2K_LOSSLESS_RPCL,
    JPEG_2000,
    JPEG_2000_LOSSLESS,
    JPEG_BASELINE,
    JPEG_EXTENDED,
    JPEG_LOSSLESS_SV1,
    JPEG_LS_LOSSLESS,
    JPEG_XL_LOSSLESS,
    RLE_LOSSLESS,
    TRANSFER_SYNTAXES,
)
from tests.e2e.browser import PICTURES, chromium
from tests.e2e.colour_files import COLOUR, ColourFile, Pixels, colour_files, shown_of
from tests.e2e.npm_page import CORNERSTONE, serve_page
from tests.e2e.radgate_process import RadgateProcess

FILES = colour_files()
STORED, DEFAULT = "*", ""
SYNTAXES = (
    STORED,
    DEFAULT,
    HTJ2K_LOSSLESS_RPCL,
    HTJ2K,
    JPEG_2000_LOSSLESS,
    JPEG_2000,
    JPEG_LS_LOSSLESS,
    RLE_LOSSLESS,
    JPEG_LOSSLESS_SV1,
    JPEG_XL_LOSSLESS,
    JPEG_BASELINE,
)
WHOLE = (EXPLICIT_VR_LITTLE_ENDIAN, HTJ2K_LOSSLESS_RPCL, JPEG_2000_LOSSLESS, RLE_LOSSLESS, JPEG_LS_LOSSLESS)

ROUNDING = 1
"""Levels that two ways of computing RGB of YBR_FULL are apart."""
LOSSY_MEAN = 3
"""Levels, of 256, that lossy encoding at its usual quality changes in the mean."""
SIDE = 96
OCTETS = {"accept": "application/octet-stream"}
LUTS = ("00281201", "00281202", "00281203")
DTYPES = {1: "u1", 2: "<u2", 4: "<f4"}


@pytest.fixture(scope="module")
def page(colour_server: RadgateProcess) -> Iterator[Page]:
    with serve_page(CORNERSTONE) as url, chromium() as browser:
        page = browser.new_page()
        page.set_default_timeout(60_000)
        page.goto(url)
        page.wait_for_function("window.ready")
        page.evaluate("key => window.setKey(key)", colour_server.keys[COLOUR])
        yield page


@pytest.fixture(scope="module")
def sheet() -> Iterator[Image.Image]:
    sheet = Image.new("RGB", (SIDE * (len(SYNTAXES) + 1), (SIDE + 14) * len(FILES)), "#202428")
    yield sheet
    sheet.save(PICTURES / "colour.png")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_viewer_shows_the_image_in_every_syntax(
    file: ColourFile, colour_server: RadgateProcess, colour_client: httpx.Client, page: Page, sheet: Image.Image
) -> None:
    metadata = metadata_of(colour_client, file)
    works = [
        {"url": f"{colour_server.url}{file.path}/frames/1?{accept(syntax)}", "metadata": metadata}
        for syntax in SYNTAXES
    ]
    shown = dict(zip(SYNTAXES, page.evaluate("works => window.decode(works)", works), strict=True))
    draw(sheet, file, shown)
    problems = {name_of(syntax): problem for syntax in SYNTAXES if (problem := why_wrong(file, syntax, shown[syntax]))}
    assert problems == {}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_whole_instance_says_what_its_pixels_are(file: ColourFile, colour_client: httpx.Client) -> None:
    for syntax in WHOLE:
        answer = colour_client.get(file.path, headers={"accept": f"application/dicom; transfer-syntax={syntax}"})
        assert answer.status_code == 200, answer.text
        dataset = pydicom.dcmread(BytesIO(answer.content))
        assert dataset.file_meta.TransferSyntaxUID == syntax
        difference = np.abs(shown_of(dataset).astype(int) - file.shown)
        assert difference.max() <= allowed(file), name_of(syntax)
        if dataset.SamplesPerPixel == 3:
            stored = file.dataset.file_meta.TransferSyntaxUID
            assert dataset.PlanarConfiguration == 0 or syntax == stored or TRANSFER_SYNTAXES[stored].kind == "native"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_pixel_data_by_their_uri_are_as_the_metadata_say(file: ColourFile, colour_client: httpx.Client) -> None:
    if TRANSFER_SYNTAXES[file.dataset.file_meta.TransferSyntaxUID].kind != "native":
        return
    metadata = colour_client.get(f"{file.path}/metadata").json()[0]
    answer = colour_client.get(metadata["7FE00010"]["BulkDataURI"], headers={"accept": "application/octet-stream"})
    frame = colour_client.get(f"{file.path}/frames/1", headers={"accept": "application/octet-stream"})
    assert answer.content[: len(frame.content)] == frame.content
    part = colour_client.get(
        metadata["7FE00010"]["BulkDataURI"], headers={"accept": "application/octet-stream", "range": "bytes=100-299"}
    )
    assert (part.status_code, part.content) == (206, answer.content[100:300])


def metadata_of(client: httpx.Client, file: ColourFile) -> dict[str, Any]:
    """The metadata; palettes in it, as OHIF puts them there before the loader sees them."""
    metadata: dict[str, Any] = client.get(f"{file.path}/metadata").json()[0]
    for tag in LUTS:
        if table := metadata.get(tag):
            inline, uri = table.get("InlineBinary"), table.get("BulkDataURI")
            entries = base64.b64decode(inline) if inline else client.get(uri, headers=OCTETS).content
            metadata[tag] = {"vr": "US", "Value": np.frombuffer(entries, "<u2").tolist()}
    return metadata


def accept(syntax: str) -> str:
    named = f";transfer-syntax={syntax}" if syntax else ""
    return f"accept=multipart/related;type=application/octet-stream{named}"


def name_of(syntax: str) -> str:
    return {STORED: "as stored", DEFAULT: "default"}.get(syntax) or TRANSFER_SYNTAXES[syntax].name


def why_wrong(file: ColourFile, syntax: str, shown: dict[str, Any]) -> str:
    """What is wrong with what the viewer showed; empty when nothing is."""
    if viewer_can_not(file, syntax):
        return ""
    if refused(file, syntax):
        return "" if "problem" in shown else "was not refused"
    if "problem" in shown:
        return str(shown["problem"])
    pixels = pixels_of(shown)
    if pixels.size != file.shown.size:
        return f"{pixels.size} samples in place of {file.shown.size}"
    difference = np.abs(pixels.reshape(file.shown.shape).astype(float) - file.shown)
    if inexact(file, syntax):
        mean = difference.mean() / (1 << bits(file)) * 256
        return "" if mean < LOSSY_MEAN else f"{mean:.1f} of 256 levels in the mean"
    return "" if difference.max() <= allowed(file) else f"{difference.max():.0f} levels"


def inexact(file: ColourFile, syntax: str) -> bool:
    """Whether it is compressed with loss, or by 12 bits of JPEG, which the loader decodes less exactly than libjpeg."""
    if syntax == STORED:
        return bool(file.dataset.file_meta.TransferSyntaxUID == JPEG_EXTENDED)
    return syntax != DEFAULT and TRANSFER_SYNTAXES[syntax].lossy


def bits(file: ColourFile) -> int:
    return 8 if file.dataset.PhotometricInterpretation == "PALETTE COLOR" else int(file.dataset.BitsStored)


def refused(file: ColourFile, syntax: str) -> bool:
    """What no encoder takes."""
    interpretation, dataset = file.dataset.PhotometricInterpretation, file.dataset
    native = TRANSFER_SYNTAXES[dataset.file_meta.TransferSyntaxUID].kind == "native"
    if syntax == JPEG_XL_LOSSLESS:
        subsampled = native and interpretation == "YBR_FULL_422"
        return interpretation in ("YBR_FULL", "PALETTE COLOR") or subsampled
    if syntax in (HTJ2K, JPEG_2000, JPEG_BASELINE) and interpretation == "PALETTE COLOR":
        return True
    return syntax == JPEG_BASELINE and bits(file) > 8


def viewer_can_not(file: ColourFile, syntax: str) -> bool:
    """Of colour of more than 8 bits the loader reads one plane alone in RLE, jumbles it in JPEG Lossless, knows none in
    JPEG Extended, and takes YBR_FULL for 8 bits.
    """
    dataset = file.dataset
    if dataset.SamplesPerPixel != 3 or dataset.BitsAllocated != 16:
        return False
    as_stored = syntax == STORED and dataset.file_meta.TransferSyntaxUID == JPEG_EXTENDED
    return as_stored or syntax in (RLE_LOSSLESS, JPEG_LOSSLESS_SV1) or dataset.PhotometricInterpretation == "YBR_FULL"


def allowed(file: ColourFile) -> int:
    return ROUNDING if file.dataset.PhotometricInterpretation.startswith("YBR_FULL") else 0


def pixels_of(shown: dict[str, Any]) -> Pixels:
    return np.frombuffer(base64.b64decode(shown["pixels"]), DTYPES[shown["sampleBytes"]])


def draw(sheet: Image.Image, file: ColourFile, shown: dict[str, dict[str, Any]]) -> None:
    """A row of the sheet: the image as it is to be, then as it was shown."""
    row = FILES.index(file) * (SIDE + 14)
    pictures = [file.shown, *(pixels_of(one) if "pixels" in one else None for one in shown.values())]
    for column, pixels in enumerate(pictures):
        if pixels is not None and pixels.size == file.shown.size:
            levels = (pixels.reshape(file.shown.shape).astype(float) * 255 / ((1 << bits(file)) - 1)).astype(np.uint8)
            sheet.paste(Image.fromarray(levels).convert("RGB").resize((SIDE - 4, SIDE - 4)), (column * SIDE, row))
    ImageDraw.Draw(sheet).text((0, row + SIDE - 4), f"{file.name} {file.dataset.PhotometricInterpretation}", "#a0a8b0")
