"""Attribute matching of PS3.4 C.2.2.2 as plainly as it can be written, over pydicom data sets.

It shares nothing with the server. `generous` is what a PACS may find beyond the standard and is shown (ADR 38): text
whatever its case and accents, names by their words.
"""

import datetime as dt
import fnmatch
import re
import unicodedata
from collections.abc import Iterable, Mapping

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset

NUMBERS = ("IS", "DS", "US", "SS", "UL", "SL", "FL", "FD")
OFFSET = re.compile(r"(?:(?<=\d{8})|(?<=\.\d))[+-]\d{4}(?=-|$)")
FREE_TEXT = ("LT", "ST", "UT")


def fits(dataset: Dataset, keys: Mapping[str, str], *, generous: bool = False) -> bool:
    """Whether the data set matches all keys: keywords, joined by dots through sequences, and their values."""
    inner: dict[str, dict[str, str]] = {}
    for path, key in keys.items():
        if key.strip("* ") == "":
            continue  # C.2.2.2.3: universal
        keyword, _, rest = path.partition(".")
        if rest:
            inner.setdefault(keyword, {})[rest] = key
        elif not any(value_fits(dictionary_VR(keyword), key, value, generous) for value in values_of(dataset, keyword)):
            return False
    # C.2.2.2.6: all keys of a sequence within one item
    return all(
        any(fits(item, some, generous=generous) for item in dataset.get(keyword, ())) for keyword, some in inner.items()
    )


def values_of(dataset: Dataset, keyword: str) -> list[str]:
    tag = tag_for_keyword(keyword)
    if tag not in dataset or dataset[tag].value in (None, ""):
        return []
    value = dataset[tag].value
    several = value if not isinstance(value, str) and isinstance(value, Iterable) and dataset[tag].VM > 1 else [value]
    return [text for text in map(str, several) if text]


def value_fits(vr: str, key: str, value: str, generous: bool) -> bool:
    if vr == "UI":  # C.2.2.2.2
        return value in key.split("\\")
    parts = [key] if vr in FREE_TEXT else [part for part in key.split("\\") if part]
    return any(one_fits(vr, part, value, generous) for part in parts)


def one_fits(vr: str, key: str, value: str, generous: bool) -> bool:
    if vr in NUMBERS:
        return float(key) == float(value)
    if vr in ("DA", "TM", "DT"):
        return moment_fits(vr, key, value)
    if vr == "PN":
        return name_fits(key, value, generous)
    if generous:
        return wild(plain(key), plain(value))
    return wild(key.strip(), value.strip())


def wild(key: str, value: str) -> bool:
    """C.2.2.2.4: * is any sequence, ? any single character, all others stand for themselves."""
    return fnmatch.fnmatchcase(value, key.replace("[", "[[]"))


def plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char)).strip()


def name_fits(key: str, value: str, generous: bool) -> bool:
    """PS3.5 6.2.1.1: whatever the case; trailing empty components and groups mean nothing."""
    if generous and "=" not in key and not key.endswith("^*") and key.isascii():
        return all(word in plain(value) for word in re.split(r"[*?^\s]+", plain(key)))
    fold = plain if generous else lambda text: unicodedata.normalize("NFC", text).casefold()
    wanted, groups = fold(key).split("="), fold(value).split("=")
    if len(wanted) == 1:
        return any(group_fits(wanted[0], group) for group in groups)
    groups += [""] * (len(wanted) - len(groups))
    return all(group_fits(one, group) for one, group in zip(wanted, groups, strict=False) if one.strip("* "))


def group_fits(key: str, group: str) -> bool:
    name = group.rstrip("^ ")
    padded = name + "^" * (4 - name.count("^"))
    return wild(key.rstrip("^ "), name) or wild(key.rstrip("^ "), padded)


def moment_fits(vr: str, key: str, value: str) -> bool:
    """C.2.2.2.1 and C.2.2.2.5: what a key leaves open it leaves open, both ends of a range belong to it.

    A value that is not precise must lie in the range with all that it leaves open. An offset from UTC counts where
    both have one; local times of unknown zones are compared as they are written.
    """
    if vr == "DT" and not (OFFSET.search(key) and OFFSET.search(value)):
        key, value = OFFSET.sub("", key), OFFSET.sub("", value)
    first, last = earliest(vr, value), latest(vr, value)
    if (single := earliest(vr, key)) is not None:
        low, high = single, latest(vr, key)
    else:
        ends = [(key[: at.start()], key[at.start() + 1 :]) for at in re.finditer("-", key)]
        low_text, high_text = next(
            (a, b) for a, b in ends if all(not one or earliest(vr, one) is not None for one in (a, b))
        )
        low, high = (earliest(vr, low_text) if low_text else None), (latest(vr, high_text) if high_text else None)
    return first is not None and (low is None or low <= first) and (high is None or last <= high)


FORMS = {
    "DA": (r"(\d{4})(\d\d)(\d\d)", ("9999", "12", "31")),
    "TM": (r"(\d\d)(?:(\d\d)(?:(\d\d)(?:\.(\d{1,6}))?)?)?", ("23", "59", "59", "999999")),
    "DT": (
        r"(\d{4})(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:\.(\d{1,6}))?)?)?)?)?)?([+-]\d{4})?",
        ("9999", "12", "31", "23", "59", "59", "999999"),
    ),
}


def parts_of(vr: str, text: str, fill: str) -> tuple[list[int], str] | None:
    pattern, highest = FORMS[vr]
    match = re.fullmatch(pattern, text)
    if match is None:
        return None
    groups = list(match.groups())
    offset = (groups.pop() or "") if vr == "DT" else ""
    lowest = ["0000", "01", "01", "00", "00", "00", "000000"][-len(highest) :] if vr != "DA" else ["0", "01", "01"]
    filled = []
    for at, group in enumerate(groups):
        if group is None:
            filled.append(int(lowest[at] if fill == "low" else highest[at]))
        elif len(highest[at]) == 6:
            filled.append(int(group.ljust(6, "0" if fill == "low" else "9")))
        else:
            filled.append(int(group))
    return filled, offset


def earliest(vr: str, text: str) -> tuple[int, ...] | None:
    return as_moment(vr, parts_of(vr, text, "low"))


def latest(vr: str, text: str) -> tuple[int, ...] | None:
    return as_moment(vr, parts_of(vr, text, "high"))


def as_moment(vr: str, parts: tuple[list[int], str] | None) -> tuple[int, ...] | None:
    if parts is None:
        return None
    numbers, offset = parts
    if vr == "DT" and offset:
        zone = dt.timedelta(hours=int(offset[1:3]), minutes=int(offset[3:])) * (-1 if offset[0] == "-" else 1)
        moment = dt.datetime(*numbers) - zone  # type: ignore[arg-type]
        return (moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second, moment.microsecond)
    return tuple(numbers)
