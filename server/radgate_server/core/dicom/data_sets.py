"""Data sets as Radgate passes them on: the DICOM JSON model (PS3.18 annex F), and paths of tags into it."""

from typing import Any

type TagPath = tuple[str, ...]
"""Tags as eight upper-case hexadecimal digits, outermost sequence first: ("00400275", "00400009")."""

type DicomJson = dict[str, Any]
"""One data set in the DICOM JSON model: {"0020000D": {"vr": "UI", "Value": ["1.2"]}, ...}; text is decoded."""


def first_value(attributes: DicomJson, tag: str) -> str:
    """The attribute's first value as text, "" when there is none."""
    values = attributes.get(tag, {}).get("Value") or ("",)
    return "" if values[0] is None else str(values[0])
