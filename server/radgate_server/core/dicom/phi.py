"""Patient data in transit: a type that does not print."""

from typing import Never

HIDDEN = "(patient data)"


class Phi[T]:
    """A value with data of a patient: printed, formatted or logged it is "(patient data)".

    `reveal()` is the one way to it, and easy to find; tests/unit/adapters/telemetry/logs/test_log_calls.py forbids it
    where something is logged or an error is made. Two of equal values are equal, and hash alike.
    """

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        self._value = value

    def reveal(self) -> T:
        """The value; for whoever sends it to a PACS or compares it."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return self._value == other._value if isinstance(other, Phi) else NotImplemented

    def __hash__(self) -> int:
        return hash((Phi, self._value))

    def __repr__(self) -> str:
        return HIDDEN

    def __str__(self) -> str:
        return HIDDEN

    def __format__(self, spec: str) -> str:
        return format(HIDDEN, spec)

    def __deepcopy__(self, memo: object) -> "Phi[T]":
        return self  # it never changes, and `dataclasses.asdict` copies

    def __reduce__(self) -> Never:
        raise TypeError("patient data is not written anywhere by itself")
