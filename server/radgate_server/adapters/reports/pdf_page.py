"""The page of a report: reportlab's part of it."""

from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from itertools import islice
from typing import Any, BinaryIO

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4, landscape
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.platypus import Flowable, LongTable, SimpleDocTemplate, Spacer, TableStyle

from radgate_server.adapters.reports.pdf_tables import Part

MARGIN = 36.0
SIZE = 6.5
LEADING = 8.0
PADDING = 2.5
MAX_LINES = 20
"""Lines of a cell: one that is taller than a page could not be set."""
MAX_CHARACTERS = 12_000
"""More would never fit into the lines, however wide they are, and take seconds to break."""

_FONT, _BOLD = "Helvetica", "Helvetica-Bold"
_WIDTH = landscape(A4)[0] - 2 * MARGIN
_DARK, _PALE, _LINE = colors.HexColor("#1f3a4d"), colors.HexColor("#f2f5f7"), colors.HexColor("#c5ced6")

_PLAIN: list[Any] = [
    ("FONT", (0, 0), (-1, -1), _FONT, 8, 11),
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ("LEFTPADDING", (0, 0), (0, -1), 0),
    ("TOPPADDING", (0, 0), (-1, -1), 0),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 1),
]
_LABELS = TableStyle([*_PLAIN, ("TEXTCOLOR", (0, 0), (0, -1), colors.HexColor("#5b6b78"))])
_HEADING = TableStyle([*_PLAIN, ("FONT", (0, 0), (-1, 0), _BOLD, 11, 14), ("TEXTCOLOR", (0, 0), (-1, 0), _DARK)])
_TITLE = TableStyle([*_PLAIN, ("FONT", (0, 0), (-1, 0), _BOLD, 17, 22), ("TEXTCOLOR", (0, 0), (-1, 0), _DARK)])
_GRID = TableStyle(
    [
        ("FONT", (0, 0), (-1, -1), _FONT, SIZE, LEADING),
        ("FONT", (0, 0), (-1, 0), _BOLD, SIZE, LEADING),
        ("TEXTCOLOR", (0, 0), (-1, 0), colors.white),
        ("BACKGROUND", (0, 0), (-1, 0), _DARK),
        ("ROWBACKGROUNDS", (0, 1), (-1, -1), (colors.white, _PALE)),
        ("LINEBELOW", (0, 1), (-1, -1), 0.25, _LINE),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (-1, -1), PADDING),
        ("RIGHTPADDING", (0, 0), (-1, -1), PADDING),
        ("TOPPADDING", (0, 0), (-1, -1), 1.5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
    ]
)


def draw(
    file: BinaryIO, title: str, labels: Sequence[tuple[str, str]], parts: Sequence[Part], notes: Sequence[str]
) -> None:
    """Write the document: title, labels and notes, then each part from where the one before ends."""
    document = SimpleDocTemplate(
        file,
        pagesize=landscape(A4),
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN + 10,
        title=title,
        author="Radgate",
    )
    story: list[Flowable] = [_lines([title], _TITLE)]
    story.append(LongTable([list(label) for label in labels], [70, _WIDTH - 70], style=_LABELS, hAlign="LEFT"))
    story += [Spacer(1, 4), _lines(notes, TableStyle(_PLAIN))]
    for part in parts:
        story += [Spacer(1, 10), _lines([part.title, part.note], _HEADING), *_grid(part)]
    footer = partial(_footer, title)
    document.build(story, onFirstPage=footer, onLaterPages=footer)


@lru_cache(maxsize=4096)
def wrapped(text: str, width: float) -> str:
    """Break text where it is too wide, between words if there are any; UIDs have none."""
    if len(text) > MAX_CHARACTERS:
        text = f"{text[:MAX_CHARACTERS]} ..."
    if stringWidth(text, _FONT, SIZE) <= width:
        return " ".join(text.split("\n"))
    lines = list(islice(_broken(text.split(), width), MAX_LINES + 1))
    return "\n".join(lines if len(lines) <= MAX_LINES else [*lines[:MAX_LINES], "..."])


def _broken(words: Sequence[str], width: float) -> Iterator[str]:
    line = ""
    for word in words:
        together = f"{line} {word}" if line else word
        if stringWidth(together, _FONT, SIZE) <= width:
            line = together
            continue
        if line:
            yield line
        *whole, line = _pieces(word, width)
        yield from whole
    if line:
        yield line


def _pieces(word: str, width: float) -> list[str]:
    pieces = [""]
    for character in word:
        if stringWidth(pieces[-1] + character, _FONT, SIZE) > width:
            pieces.append("")
        pieces[-1] += character
    return pieces


def _lines(lines: Sequence[str], style: TableStyle) -> LongTable:
    return LongTable([[line] for line in lines], [_WIDTH], style=style, hAlign="LEFT")


def _grid(part: Part) -> Iterator[LongTable]:
    if not part.rows:
        return
    widths = [column.width for column in part.columns]
    rows = [[wrapped(cell, width - 2 * PADDING) for cell, width in zip(row, widths, strict=True)] for row in part.rows]
    header = [column.title for column in part.columns]
    yield LongTable([header, *rows], widths, repeatRows=1, style=_GRID, hAlign="LEFT")


def _footer(title: str, canvas: Any, document: Any) -> None:
    canvas.setFont(_FONT, 7)
    canvas.setFillColor(colors.HexColor("#5b6b78"))
    canvas.drawString(MARGIN, MARGIN - 8, f"{title} - confidential")
    canvas.drawRightString(MARGIN + _WIDTH, MARGIN - 8, f"Page {document.page}")
