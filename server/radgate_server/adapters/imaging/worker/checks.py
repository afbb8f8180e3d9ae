"""Checks of single values that a worker sends."""

from typing import Any, NoReturn

_LONGEST_TEXT = 1000
_MOST_ITEMS = 100
_LARGEST_NUMBER = (1 << 32) - 1


class BrokenAnswerError(Exception):
    """A message is not one that a sane worker sends."""


def text(value: Any) -> str:
    """A string of bounded length."""
    return value if isinstance(value, str) and len(value) <= _LONGEST_TEXT else broken()


def number(value: Any, largest: int = _LARGEST_NUMBER) -> int:
    """A count, from 0 to `largest`."""
    return value if type(value) is int and 0 <= value <= largest else broken()


def texts(value: Any) -> tuple[str, ...]:
    """A few strings."""
    return tuple(map(text, value)) if isinstance(value, list) and len(value) <= _MOST_ITEMS else broken()


def text_table(value: dict[str, Any]) -> dict[str, str]:
    """A few strings by name."""
    return {text(key): text(item) for key, item in value.items()} if len(value) <= _MOST_ITEMS else broken()


def shortened(value: str) -> str:
    """What `text` takes, of any string."""
    return value[:_LONGEST_TEXT]


def broken() -> NoReturn:
    """Give up on the message."""
    raise BrokenAnswerError
