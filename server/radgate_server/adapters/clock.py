"""The clock of this machine."""

import time
from datetime import UTC, datetime


class SystemClock:
    """Clock of this machine."""

    def now(self) -> datetime:
        """The wall clock, time zone UTC."""
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """Seconds that only ever grow."""
        return time.monotonic()
