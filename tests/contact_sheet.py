"""A page of pictures, one of every sample file that has pixels: `python -m tests.contact_sheet OUT.png`."""

import sys
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

from radgate_server.core.dicom.transfer_syntaxes import TRANSFER_SYNTAXES
from radgate_server.core.errors import GatewayError
from radgate_server.core.imaging.render_target import RENDERED_PNG, RenderTarget, Viewport
from tests.unit.adapters.imaging.rendering.instances import StoredInstance
from tests.unit.core.dicom import corpus

SIDE = 160
"""Pixels of a picture's longer side."""
TEXT_LINES = 3
LINE_HEIGHT = 13
COLUMNS = 14
GAP = 6

_TARGET = RenderTarget(RENDERED_PNG, Viewport(SIDE, SIDE), letterboxed=True, overlays=True)
_PAPER, _INK, _FAINT = "#202428", "#f0f0f0", "#a0a8b0"


class Entry(NamedTuple):
    """A picture, or None, and the lines under it."""

    picture: Image.Image | None
    lines: tuple[str, ...]


def entry_of(path: Path) -> Entry | None:
    """The middle frame of a file; None when it has no pixels."""
    try:
        instance = StoredInstance(path.read_bytes())
    except GatewayError:
        return None
    if not instance.number_of_frames:
        return None
    image = instance.image
    frames = f" x{image.number_of_frames}" if image.number_of_frames > 1 else ""
    lines = (
        path.name,
        TRANSFER_SYNTAXES[instance.transfer_syntax_uid].name,
        f"{image.photometric_interpretation} {image.bits_stored} bit{frames}",
    )
    try:
        rendered = instance.rendered(_TARGET, instance.number_of_frames // 2 + 1)
    except GatewayError as error:
        return Entry(None, (*lines[:2], error.message))
    return Entry(Image.open(BytesIO(rendered.data)).convert("RGB"), lines)


def sheet_of(entries: list[Entry]) -> Image.Image:
    """Lay the entries out in rows."""
    width, height = SIDE + GAP, SIDE + TEXT_LINES * LINE_HEIGHT + GAP
    rows = -(-len(entries) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * width + GAP, rows * height + GAP), _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    for number, entry in enumerate(entries):
        x, y = GAP + number % COLUMNS * width, GAP + number // COLUMNS * height
        if entry.picture is not None:
            sheet.paste(entry.picture, (x, y))
        for line, text in enumerate(entry.lines):
            shortened = _fitting(text, font)
            draw.text((x, y + SIDE + line * LINE_HEIGHT), shortened, _FAINT if line else _INK, font)
    return sheet


def _fitting(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    while font.getlength(text) > SIDE:
        text = text[:-1]
    return text


def main(out: str) -> None:
    entries = [entry for path in corpus.FILES if (entry := entry_of(path)) is not None]
    sheet_of(entries).save(out)
    print(f"{len(entries)} pictures in {out}")


if __name__ == "__main__":
    main(sys.argv[1])
