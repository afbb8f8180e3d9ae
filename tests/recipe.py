"""Decoding a frame of a view by the very line that the manuals give."""

import re
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np

import radgate as sdk

_ROOT = Path(__file__).parents[1]
_MANUALS = (_ROOT / "docs" / "progressive.md", _ROOT / "clients" / "python" / "README.md")
_LINE = re.compile(r"imagecodecs\.\w+\(frame\.data[^\n`]*\)")


def documented() -> str:
    """The expression, which is the same in all manuals."""
    (line,) = {match for manual in _MANUALS for match in _LINE.findall(manual.read_text())}
    return str(line)


def decoded(frame: sdk.ViewedFrame) -> np.ndarray[Any, Any]:
    """The pixels of a frame, at whichever resolution it came."""
    pixels: np.ndarray[Any, Any] = eval(documented(), {"imagecodecs": imagecodecs, "frame": frame})
    return pixels
