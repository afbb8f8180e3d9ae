"""Whether two people have the same family name, however it is spelled: pure.

Case, diacritics, blanks, hyphens and apostrophes do not count. Letters that are written out where there is no key for
them (Machine Readable Travel Documents, ICAO Doc 9303-3 section 6) count both ways: "Müller" is "MULLER" and "Mueller",
while these two are different names. A part of a name ("García" of "García López") is another name.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field

from radgate_server.core.dicom.data_sets import DicomJson

PATIENT_NAME = "00100010"

_ASCII_MARKS = {code: None for code in range(128) if not chr(code).isalnum()}
_DIACRITICS = re.compile("[\u0300-\u036f]")  # not the marks of other scripts, some of which are vowels
_ONE_WAY = {"æ": "ae", "œ": "oe", "þ": "th", "ð": "d", "đ": "d", "ł": "l", "ħ": "h", "ŧ": "t", "\u0131": "i"}
_WITHOUT = str.maketrans({**_ONE_WAY, "ø": "o"})
_WRITTEN_OUT = str.maketrans({**_ONE_WAY, "ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"})


@dataclass(frozen=True, slots=True)
class FamilyName:
    """A person's family name in all spellings that count; false where it is unknown. It does not print."""

    spellings: frozenset[str] = field(default=frozenset(), repr=False)

    def __bool__(self) -> bool:
        return bool(self.spellings)

    def is_shared_with(self, other: "FamilyName") -> bool:
        """Whether both are known, and one spelling of them is the same."""
        return not self.spellings.isdisjoint(other.spellings)


def family_name(*names: str) -> FamilyName:
    """The family name that is written in each of these ways."""
    return FamilyName(frozenset(spelling for name in names for spelling in _spellings(name) if spelling))


def family_name_in(groups: Iterable[str]) -> FamilyName:
    """The family name in a Person Name's component groups (PS3.5 6.2.1.2): "Yamada^Tarou", "山田^太郎".

    A comma ends it too: it is none of DICOM's delimiters, but many write "Doe, John".
    """
    return family_name(*(group.partition("^")[0].partition(",")[0] for group in groups))


def patients_family_name(attributes: DicomJson) -> FamilyName:
    """The family name in Patient's Name (0010,0010) of an answer."""
    values = attributes.get(PATIENT_NAME, {}).get("Value") or (None,)
    groups = values[0].values() if isinstance(values[0], dict) else ()
    return family_name_in(group for group in groups if isinstance(group, str))


def last_name_of(full_name: str) -> str:
    """The family name of a name for display: the last word, or what stands before a comma."""
    before, comma, _ = full_name.partition(",")
    return before if comma else " ".join(full_name.split()[-1:])


def _spellings(name: str) -> Iterable[str]:
    folded = name.casefold()
    if folded.isascii():
        return (folded.translate(_ASCII_MARKS),)
    composed = unicodedata.normalize("NFKC", folded)
    return (_letters(composed.translate(_WITHOUT)), _letters(composed.translate(_WRITTEN_OUT)))


def _letters(text: str) -> str:
    """Letters, their marks and digits, without diacritics of Latin, Greek and Cyrillic letters."""
    plain = _DIACRITICS.sub("", unicodedata.normalize("NFKD", text))
    return "".join(character for character in plain if unicodedata.category(character)[0] in "LMN")
