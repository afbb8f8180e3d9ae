"""Data sets as Radgate passes them on: the DICOM JSON model (PS3.18 annex F), and paths of tags into it."""

from datetime import date
from typing import Any

type TagPath = tuple[str, ...]
"""Tags as eight upper-case hexadecimal digits, outermost sequence first: ("00400275", "00400009")."""

type DicomJson = dict[str, Any]
"""One data set in the DICOM JSON model: {"0020000D": {"vr": "UI", "Value": ["1.2"]}, ...}; text is decoded."""


def first_value(attributes: DicomJson, tag: str) -> str:
    """The attribute's first value as text, "" when there is none."""
    values = attributes.get(tag, {}).get("Value") or ("",)
    return "" if values[0] is None else str(values[0])


def first_date(attributes: DicomJson, tag: str) -> date | None:
    """The attribute's first value as a date of PS3.5 section 6.2 (DA), None for what is none."""
    text = first_value(attributes, tag)
    try:
        is_date = len(text) == 8 and text.isascii() and text.isdigit()
        return date(int(text[:4]), int(text[4:6]), int(text[6:])) if is_date else None
    except ValueError:
        return None
