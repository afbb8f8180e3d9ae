"""A clock that a test moves by hand."""

from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 1, tzinfo=UTC)


class FakeClock:
    """Clock that stands still until `advance` is called."""

    def __init__(self, start: datetime = START) -> None:
        self._start = start
        self._elapsed_s = 0.0

    def now(self) -> datetime:
        """The start plus what was advanced."""
        return self._start + timedelta(seconds=self._elapsed_s)

    def monotonic_s(self) -> float:
        """Seconds advanced so far."""
        return self._elapsed_s

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._elapsed_s += seconds
