r"""Matching one value of a DICOM JSON data set against a key, by Value Representation (PS3.4 C.2.2.2).

A key with `\` in it is a list of which one must match: List of UID Matching, and for other VRs what
clients mean by ModalitiesInStudy=CT\MR (PS3.4 C.2.2.2.8), except in free text, where a backslash is a character.
"""

import re
import unicodedata
from collections.abc import Callable

from radgate_server.core.query.time_matching import date_test, date_time_test, time_test

type ValueTest = Callable[[object], bool]

_NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_MAX_NAME_COMPONENTS = 5


def value_test(vr: str, key: str) -> ValueTest:
    """Compile a key that is not universal into a test of values of `vr` as DICOM JSON holds them."""
    compile_key = _TESTS.get(vr, _text_test)
    if vr in FREE_TEXT or "\\" not in key:
        return compile_key(key)
    tests = [compile_key(part) for part in key.split("\\") if part.strip()]
    return lambda value: any(test(value) for test in tests)


def _wildcard_pattern(key: str) -> re.Pattern[str]:
    """`*` is any run of characters, `?` any one. Atomic groups keep matching quadratic at worst, whatever the key."""
    first, *others = (re.escape(part).replace(r"\?", ".") for part in key.split("*"))
    if not others:
        return re.compile(first, re.DOTALL)
    middle = "".join(f"(?>.*?{part})" for part in others[:-1] if part)
    return re.compile(f"{first}{middle}.*{others[-1]}", re.DOTALL)


def _exact_test(key: str) -> ValueTest:
    """Single Value Matching."""
    wanted = key.strip()
    return lambda value: str(value).strip() == wanted


def _text_test(key: str) -> ValueTest:
    """Wild Card Matching, case-sensitive."""
    if not _has_wildcard(key):
        return _exact_test(key)
    pattern = _wildcard_pattern(key.strip())
    return lambda value: pattern.fullmatch(str(value).strip()) is not None


def _has_wildcard(key: str) -> bool:
    return "*" in key or "?" in key


def _number_test(key: str) -> ValueTest:
    """Equality of numbers, so that 1 matches 01 and 1.0."""
    wanted = _number(key)
    return lambda value: wanted is not None and _number(value) == wanted


def _number(value: object) -> float | None:
    try:
        return float(str(value))
    except ValueError:
        return None


def name_test(key: str) -> ValueTest:
    """Person names, whatever their case (PS3.5 6.2.1).

    A key with `=` is compared group by group, empty groups match all; one without matches whichever group.
    """
    groups = key.split("=")[: len(_NAME_GROUPS)]
    if len(groups) == 1:
        any_group = _name_group_test(key)
        return lambda value: isinstance(value, dict) and any(any_group(group) for group in value.values())
    tests = [
        (name, _name_group_test(group)) for name, group in zip(_NAME_GROUPS, groups, strict=False) if group.strip(" *")
    ]
    return lambda value: isinstance(value, dict) and all(test(value.get(name, "")) for name, test in tests)


def _name_group_test(key: str) -> Callable[[str], bool]:
    folded = _fold_name(key)
    if not _has_wildcard(folded):
        return lambda group: _fold_name(group) == folded
    pattern = _wildcard_pattern(folded)

    def test(group: str) -> bool:
        # DOE^* means DOE with whichever given name, none included: the delimiters of empty components may be left out.
        name = _fold_name(group)
        padded = name + "^" * (_MAX_NAME_COMPONENTS - 1 - name.count("^"))
        return bool(pattern.fullmatch(name) or pattern.fullmatch(padded))

    return test


def _fold_name(group: str) -> str:
    return unicodedata.normalize("NFC", group).casefold().strip().rstrip("^ ")


FREE_TEXT = frozenset({"LT", "ST", "UT", "UR"})
"""VRs in which a backslash is a character."""
_TESTS: dict[str, Callable[[str], ValueTest]] = {
    "PN": name_test,
    "DA": date_test,
    "TM": time_test,
    "DT": date_time_test,
    "UI": _exact_test,
    "AT": _exact_test,
    **dict.fromkeys(("IS", "DS", "FL", "FD", "SL", "SS", "SV", "UL", "US", "UV"), _number_test),
}
