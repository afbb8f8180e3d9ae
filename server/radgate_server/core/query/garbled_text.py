"""Whether names show that their characters were lost or read in the wrong character set (PS3.5 6.1.2). Pure."""

import re

from radgate_server.core.dicom.data_sets import DicomJson

_SIGNS = re.compile("[\x80-\x9f\u00a1-\u00a9\u00ab-\u00b3\u00b5\u00b6\u00b8\u00b9\u00bb-\u00bf\u00d7\u00f7\ufffd]")
"""Control characters and signs of Latin-1, which are letters of other character sets, and the replacement character.
Ordinals, acute accent and middle dot are met in names."""
_LOST = re.compile(r"\?\?|^ *\^[ ^]{0,2}$")
"""What senders put in the place of characters that theirs does not have; Orthanc leaves them out, and `^` remains.
All four delimiters alone are how some modalities write no name."""


def is_garbled(text: str) -> bool:
    """Whether no name is written so: one component group of it (PS3.5 6.2.1.1)."""
    if _LOST.search(text):
        return True
    return not text.isascii() and (_SIGNS.search(text) is not None or _is_utf8(text))


def has_garbled_name(match: DicomJson, tag: str) -> bool:
    """Whether a value of the PN attribute is garbled."""
    values = match.get(tag, {}).get("Value") or ()
    names = (value for value in values if isinstance(value, dict))
    return any(is_garbled(str(group)) for name in names for group in name.values())


def _is_utf8(text: str) -> bool:
    """Whether it was UTF-8 that was taken for Latin-1: no other text beyond ASCII can be read as UTF-8 by chance."""
    try:
        text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return False
    return True
