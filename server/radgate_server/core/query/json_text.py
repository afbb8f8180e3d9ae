"""Matches of a query as JSON text (PS3.18 annex F), for every surface."""

import json

from radgate_server.core.dicom.data_sets import DicomJson
from radgate_server.core.errors import InvalidArgumentError

_SPECIFIC_CHARACTER_SET = "00080005"
_UTF_8 = {"vr": "CS", "Value": ["ISO_IR 192"]}
_NEVER_EMPTY = ("00080061", "00083002")
"""Modalities in Study, Available Transfer Syntax UID: viewers fail on them without a value, and do without them."""

MAX_ANSWER_BYTES = 60 << 20
"""Of one page of matches: the gateway takes messages of up to 64 MiB, and clients of the SDK too."""


def check_answer_size(size_bytes: int, field: str) -> None:
    """Refuse a page of matches that is too large to be sent.

    Raises:
        InvalidArgumentError: naming `field`, by which the caller asks for fewer matches.
    """
    if size_bytes > MAX_ANSWER_BYTES:
        text = f"asks for {size_bytes >> 20} MiB of matches, {MAX_ANSWER_BYTES >> 20} at most are sent at once"
        raise InvalidArgumentError(field, f"{text}: request fewer matches, or fewer attributes of each")


def match_text(attributes: DicomJson) -> str:
    """One match in the order of its tags; with text beyond ASCII it names its character set (PS3.18 F.2)."""
    known = {
        tag: element for tag, element in sorted(attributes.items()) if tag not in _NEVER_EMPTY or element.get("Value")
    }
    text = _encode(known)
    return text if text.isascii() else _encode(dict(sorted({**known, _SPECIFIC_CHARACTER_SET: _UTF_8}.items())))


def _encode(attributes: DicomJson) -> str:
    return json.dumps(attributes, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
