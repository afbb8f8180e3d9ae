"""What contradicts a key, and what is a PACS's generosity (docs/adr/0038-answers-matched-again.md).

PACS find text whatever its case, accents and spaces, and names by some of their components. Such a match is shown.
UIDs, dates, times and numbers leave no room for generosity: they are compared as PS3.4 C.2.2.2 says.
"""

import re
import unicodedata

from radgate_server.core.query.value_matching import FREE_TEXT, ValueTest, name_test, value_test

_TEXT = frozenset(("AE", "AS", "CS", "LO", "LT", "SH", "ST", "UC", "UR", "UT", "UN"))
_UMLAUT = re.compile(r"([aou])e")
_LETTERS = str.maketrans({"ø": "o", "đ": "d", "ł": "l", "æ": "ae", "œ": "oe"})
_BETWEEN_WORDS = re.compile(r"[*?^=\s]+")
_BEYOND_ALPHABETS = re.compile(r"[^\u0000-\u0dff]")


def generous_test(vr: str, key: str) -> ValueTest:
    r"""Compile a key that is not universal into a test that only what contradicts it fails; `\` parts a list."""
    compile_key = _name_test if vr == "PN" else _text_test if vr in _TEXT else None
    if compile_key is None:
        return value_test(vr, key)
    parts = [key] if vr in FREE_TEXT else [part for part in key.split("\\") if part.strip()]
    tests = [compile_key(part) for part in parts]
    return lambda value: any(test(value) for test in tests)


def is_asked_broadly(name: str) -> bool:
    """Whether PACS, which compare texts, are asked for more than the name, so that all of it is matched here."""
    return is_ended_by_components(name) or "=" in name or _BEYOND_ALPHABETS.search(name) is not None


def is_ended_by_components(name: str) -> bool:
    """Whether it is like DOE^*: of one group, its last components left open."""
    return name.endswith("^*") and "=" not in name and _BEYOND_ALPHABETS.search(name) is None


def _spellings(text: str) -> tuple[str, str]:
    """Without case, accents and repeated spaces; then with ae, oe, ue as the vowel that they stand for."""
    decomposed = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    plain = " ".join("".join(char for char in decomposed if unicodedata.category(char) != "Mn").split())
    return plain, _UMLAUT.sub(r"\1", plain)


def _text_test(key: str) -> ValueTest:
    tests = [value_test("LT", spelling) for spelling in _spellings(key)]
    return lambda value: any(test(text) for test, text in zip(tests, _spellings(str(value)), strict=True))


def _name_test(key: str) -> ValueTest:
    return _whole_name_test(key) if is_asked_broadly(key) else _words_test(key)


def _whole_name_test(key: str) -> ValueTest:
    tests = [name_test(spelling) for spelling in _spellings(key)]

    def test(value: object) -> bool:
        if not isinstance(value, dict):
            return False
        groups = {group: _spellings(str(text)) for group, text in value.items()}
        return any(fits({group: both[at] for group, both in groups.items()}) for at, fits in enumerate(tests))

    return test


def _words_test(key: str) -> ValueTest:
    """Whether the name has all words of the key, in whichever component and group."""
    words = [_BETWEEN_WORDS.split(spelling) for spelling in _spellings(key)]

    def test(value: object) -> bool:
        groups = value.values() if isinstance(value, dict) else (value,)
        names = _spellings(" ".join(map(str, groups)))
        return any(all(word in name for word in some) for some, name in zip(words, names, strict=True))

    return test
