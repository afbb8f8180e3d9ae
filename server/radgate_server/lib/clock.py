"""Time, so that tests can make it."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """What time it is."""

    def now(self) -> datetime:
        """The wall clock, time zone UTC."""
        ...

    def monotonic_s(self) -> float:
        """Seconds that only ever grow; for ages and time-outs."""
        ...
