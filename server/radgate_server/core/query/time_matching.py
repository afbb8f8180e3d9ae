"""Single value and range matching of dates and times (PS3.4 C.2.2.2.1, C.2.2.2.5).

A value of less than full precision stands for the whole span that it names ("10" is from 10:00 to the last moment of
that hour), both ends of a range are included. Forms of ACR-NEMA (2020.01.31, 10:11:12) are understood.
"""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

type ValueTest = Callable[[object], bool]


class _Form(NamedTuple):
    """How one VR is written: what one value looks like, and the earliest and latest of what it leaves open."""

    single: re.Pattern[str]
    separators: str
    earliest: str
    latest: str


_DATE = _Form(re.compile(r"\d{8}"), ".", "00000101", "99991231")
_TIME = _Form(re.compile(r"\d\d(?:\d\d(?:\d\d(?:\.\d{1,6})?)?)?"), ":", "000000.000000", "235959.999999")
_OFFSET = r"[+-](?:0\d|1[0-4])\d\d"
_DATE_TIME = _Form(
    re.compile(rf"\d{{4}}(?:\d\d){{0,5}}(?:(?<=\d{{14}})\.\d{{1,6}})?(?:{_OFFSET})?"),
    "",
    "00000101000000.000000",
    "99991231235959.999999",
)


def date_test(key: str) -> ValueTest:
    """Compile a key of VR DA."""
    return _range_test(key, _DATE)


def time_test(key: str) -> ValueTest:
    """Compile a key of VR TM."""
    return _range_test(key, _TIME)


def date_time_test(key: str) -> ValueTest:
    """Compile a key of VR DT. Offsets from UTC count when key and value have one, else times count as they stand."""
    return _range_test(key, _DATE_TIME)


def whole_range(vr: str, key: str) -> str:
    """The key of VR TM or DT as a range with its end in full, for PACS that compare digits: 08-12 ends at 12:59:59.

    A key with an offset from UTC, or that is no value and no range, stays as it is.
    """
    form = _TIME if vr == "TM" else _DATE_TIME
    bounds = _bounds(_clean(key, form), form)
    if bounds is None or any(bound.offset for bound in bounds):
        return key
    low, high = (bound.digits for bound in bounds)
    return f"{low}-{_fill(high, form.latest) if high else ''}"


def _range_test(key: str, form: _Form) -> ValueTest:
    bounds = _bounds(_clean(key, form), form)
    if bounds is None:
        return lambda _value: False
    low, high = bounds

    def test(value: object) -> bool:
        text = _clean(str(value), form)
        if not form.single.fullmatch(text):
            return False
        moment = _split_offset(text)
        return _not_after(low, moment, form.earliest) and _not_after(moment, high, form.latest)

    return test


def _clean(text: str, form: _Form) -> str:
    stripped = text.strip()
    return stripped.replace(form.separators, "") if form.separators else stripped


class _Moment(NamedTuple):
    """The digits of a value and its offset from UTC, "" when it has none. No digits: an open end."""

    digits: str
    offset: str


def _bounds(key: str, form: _Form) -> tuple[_Moment, _Moment] | None:
    """Find the two ends of a key, None for one that is no value and no range.

    A single value goes first: the last hyphen of 20200101-0500 is an offset's (PS3.4 C.2.2.2.5 wants it so).
    """
    if form.single.fullmatch(key):
        return _split_offset(key), _split_offset(key)
    for hyphen in (match.start() for match in re.finditer("-", key)):
        ends = key[:hyphen].strip(), key[hyphen + 1 :].strip()
        if any(ends) and all(not end or form.single.fullmatch(end) for end in ends):
            return _split_offset(ends[0]), _split_offset(ends[1])
    return None


def _split_offset(text: str) -> _Moment:
    sign = max(text.rfind("+"), text.rfind("-"))
    return _Moment(text, "") if sign < 0 else _Moment(text[:sign], text[sign:])


def _not_after(first: _Moment, second: _Moment, template: str) -> bool:
    """Whether the first moment is not after the second, both filled up from the template; open ends never are."""
    if not first.digits or not second.digits:
        return True
    texts = [_fill(moment.digits, template) for moment in (first, second)]
    if first.offset and second.offset:
        texts = [_to_utc(text, moment.offset) for text, moment in zip(texts, (first, second), strict=True)]
    return texts[0] <= texts[1]


def _fill(digits: str, template: str) -> str:
    return digits + template[len(digits) :]


def _to_utc(text: str, offset: str) -> str:
    """Shift to UTC; a day that the calendar lacks (the filled-up 31st of a short month) keeps its place."""
    sign = -1 if offset[0] == "-" else 1
    shift = timedelta(hours=int(offset[1:3]), minutes=int(offset[3:5])) * sign
    try:
        return (datetime.strptime(text, "%Y%m%d%H%M%S.%f") - shift).strftime("%Y%m%d%H%M%S.%f")
    except (ValueError, OverflowError):
        return text
