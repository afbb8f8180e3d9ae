"""The query parameters of pictures (PS3.18 8.3.5), one parser each."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.imaging.render_target import IccProfile, RenderTarget, Viewport, VoiFunction, Window
from radgate_server.rpc.dicomweb.negotiation.query_string import parse_parameters

_DECIMAL = re.compile(r"[+-]?(?:[0-9]{1,9}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})(?:[eE][+-]?[0-9]{1,2})?")
_COUNT = re.compile(r"[0-9]{1,9}")
_TRUTH = {"true": True, "false": False}
_FUNCTIONS = {function.lower().replace("_", "-"): function for function in VoiFunction}
_MAX_QUALITY = 100
_MOST_DIGITS = 20
"""A number with more is too large in any case, and long ones take long to read."""


def parse_picture_query(query: str) -> RenderTarget:
    """What a picture is to look like; its media type is not among the parameters.

    Raises:
        InvalidArgumentError: naming the parameter that is malformed, given twice or not offered.
    """
    return apply(_FIELDS, parse_parameters(query, _FIELDS))


type Field = Callable[[str, str], dict[str, Any]]
"""Parses a parameter's value, given its name, into fields of RenderTarget."""


def apply(fields: Mapping[str, Field], values: Mapping[str, str]) -> RenderTarget:
    """The target that the parameters' values describe."""
    target = RenderTarget()
    for name, value in values.items():
        target = target._replace(**fields[name](name, value))
    return target


def parse_viewport(name: str, value: str) -> Viewport:
    """vw,vh[,sx,sy,sw,sh] (PS3.18 8.3.5.1.3); of the last four, each may be empty.

    Raises:
        InvalidArgumentError: naming the parameter.
    """
    parts = [part.strip() for part in value.split(",")]
    if not 2 <= len(parts) <= 6:
        raise InvalidArgumentError(name, "must be vw,vh or vw,vh,sx,sy,sw,sh")
    columns, rows = (parse_count(name, part) for part in parts[:2])
    left, top, width, height = (
        parse_decimal(name, part) if part else None for part in [*parts[2:], "", "", "", ""][:4]
    )
    if (left or 0) < 0 or (top or 0) < 0 or width == 0 or height == 0:
        raise InvalidArgumentError(name, "sx and sy must not be negative, sw and sh must not be 0")
    return Viewport(columns, rows, left or 0, top or 0, width, height)


def parse_window(name: str, value: str) -> Window:
    """center,width[,function] (PS3.18 8.3.5.1.4); without the function it is linear.

    Raises:
        InvalidArgumentError: naming the parameter.
    """
    center, width, function = (*(part.strip() for part in value.split(",")), "", "", "")[:3]
    if value.count(",") not in (1, 2):
        raise InvalidArgumentError(name, "must be center,width,function")
    known = _FUNCTIONS.get(function.lower().replace("_", "-") or "linear")
    if known is None:
        raise InvalidArgumentError(name, f"the function must be one of {', '.join(_FUNCTIONS)}")
    return make_window(name, parse_decimal(name, center), parse_decimal(name, width), known)


def make_window(name: str, center: float, width: float, function: VoiFunction) -> Window:
    """A window that PS3.3 C.11.2.1.2 and C.11.2.1.3 allow.

    Raises:
        InvalidArgumentError: naming the parameter that has the width.
    """
    window = Window(center, width, function)
    if not window.applicable:
        raise InvalidArgumentError(name, "the width must be greater than 0, of the linear function at least 1")
    return window


def parse_quality(name: str, value: str) -> int:
    """1 to 100 (PS3.18 8.3.5.1.2).

    Raises:
        InvalidArgumentError: naming the parameter.
    """
    if not _COUNT.fullmatch(value) or not 1 <= int(value) <= _MAX_QUALITY:
        raise InvalidArgumentError(name, f"must be a whole number from 1 to {_MAX_QUALITY}")
    return int(value)


def parse_count(name: str, value: str) -> int:
    """A whole number greater than 0.

    Raises:
        InvalidArgumentError: naming the parameter.
    """
    if not value.isascii() or not value.isdecimal() or not value.strip("0"):
        raise InvalidArgumentError(name, "must hold whole numbers greater than 0")
    return int(value.lstrip("0")[:_MOST_DIGITS])


def parse_decimal(name: str, value: str) -> float:
    """A decimal number.

    Raises:
        InvalidArgumentError: naming the parameter.
    """
    if not _DECIMAL.fullmatch(value):
        raise InvalidArgumentError(name, "must hold decimal numbers, with a point")
    return float(value)


def refuse(why: str) -> Field:
    """A parameter that is not offered, and can't be ignored since the picture would be taken for another one."""

    def field(name: str, value: str) -> dict[str, Any]:
        if value:
            raise InvalidArgumentError(name, why)
        return {}

    return field


def _truth(name: str, value: str) -> dict[str, Any]:
    if value not in _TRUTH:
        raise InvalidArgumentError(name, "must be true or false")
    return {name: _TRUTH[value]}


def _icc_profile(name: str, value: str) -> dict[str, Any]:
    if value not in tuple(IccProfile):
        offered = ", ".join(IccProfile)
        raise InvalidArgumentError(name, f"must be one of {offered}; other colour spaces are not offered")
    return {"icc_profile": IccProfile(value)}


NO_ANNOTATION = refuse("annotations are not burned into pictures; leave it out")

_FIELDS: Mapping[str, Field] = {
    "viewport": lambda name, value: {"viewport": parse_viewport(name, value)},
    "window": lambda name, value: {"window": parse_window(name, value)},
    "quality": lambda name, value: {"quality": parse_quality(name, value)},
    "iccprofile": _icc_profile,
    "annotation": NO_ANNOTATION,
    "progressive": _truth,  # this and the next are ours, not of PS3.18
    "overlays": _truth,
}
PARAMETERS = tuple(_FIELDS)
