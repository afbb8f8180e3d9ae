"""How long to wait before a process that ended is started again."""

_FIRST_S = 0.25
_LONGEST_S = 30.0
_STEADY_S = 60.0


class RestartPace:
    """Counts the failures in a row of one process; one that lived for a minute begins again."""

    def __init__(self) -> None:
        self._failures = 0

    def delay_s(self, lived_s: float) -> float:
        """Seconds to wait, now that the process has ended after so many seconds."""
        self._failures = 1 if lived_s > _STEADY_S else min(self._failures + 1, 16)
        return min(_LONGEST_S, _FIRST_S * 2.0 ** (self._failures - 1))
