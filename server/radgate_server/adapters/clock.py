"""The clock of this machine."""

import time
from datetime import UTC, datetime


class SystemClock:
    """Clock of this machine."""

    def now(self) -> datetime:
        """The wall clock, time zone UTC."""
        return datetime.now(UTC)

    # Called several times for each call, so without a function of its own.
    monotonic_s = staticmethod(time.monotonic)
