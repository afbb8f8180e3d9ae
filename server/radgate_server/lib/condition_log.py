"""Logging a condition when it changes, rather than each time that it is met."""

import logging
import threading
import time
from collections.abc import Callable

_MOST_REASONS = 20
"""Of one outage; more are not distinguished, so that reasons that never repeat don't fill the log."""


class ConditionLog:
    """Logs each reason of a failure once while it lasts, and one line when it is over. From any thread.

    `failing` says what does not work. It is over with the first success that comes `settle_s` seconds after the last
    failure: where failures and successes alternate, that is one outage.
    """

    def __init__(
        self,
        log: logging.Logger,
        failing: str,
        *,
        settle_s: float = 0.0,
        level: int = logging.WARNING,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._failing = failing
        self._settle_s = settle_s
        self._level = level
        self._monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._reasons: set[str] = set()
        self._failed_s = 0.0

    def failed(self, reason: str, **extra: object) -> None:
        """It failed; `reason` holds no patient data, `extra` are fields of the log."""
        if self._is_new(reason):
            self._log.log(self._level, "%s: %s", self._failing, reason, extra=extra)

    def failed_by_defect(self, error: Exception) -> None:
        """A defect of ours made it fail: the log has its traceback, once for each type of exception."""
        if self._is_new(f"a defect: {type(error).__name__}"):
            self._log.error("%s because of a defect", self._failing, exc_info=error)

    def _is_new(self, reason: str) -> bool:
        with self._lock:
            self._failed_s = self._monotonic_s()
            if reason in self._reasons or len(self._reasons) >= _MOST_REASONS:
                return False
            self._reasons.add(reason)
            return True

    def succeeded(self, **extra: object) -> None:
        """It worked."""
        if not self._reasons:
            return
        with self._lock:
            if not self._reasons or self._monotonic_s() - self._failed_s < self._settle_s:
                return
            self._reasons.clear()
        self._log.log(self._level, "recovered: %s", self._failing, extra=extra)
