"""Which lines of log are written when there are very many alike: by rules of the settings. Errors always are."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from radgate_server.settings.telemetry import LogRule

MOST_EVENTS = 1000
"""Distinguished at a time; our own are some hundred, but libraries put values into their messages."""


@dataclass(slots=True)
class _Event:
    """What is known of one event: lines that came, tokens for those that may go, and how many were left out."""

    came: int
    tokens: float
    refilled_s: float
    left_out: int = 0


class LogSampler(logging.Filter):
    """Filter of a handler. An event is a line of the code: its logger and its message before values are put in.

    The first rule that an event fits decides. The next line that is written reports how many before it were left out.
    """

    def __init__(self, rules: Sequence[LogRule], monotonic_s: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._rules = tuple(rules)
        self._monotonic_s = monotonic_s
        self._events: dict[tuple[str, str], _Event] = {}
        self._lock = threading.Lock()
        self.left_out = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written."""
        if record.levelno >= logging.ERROR or (rule := self._rule_of(record)) is None:
            return True
        with self._lock:
            passes, before = self._decide(rule, (record.name, str(record.msg)))
        if before:
            record.left_out = before
        return passes

    def _rule_of(self, record: logging.LogRecord) -> LogRule | None:
        return next((rule for rule in self._rules if rule.fits(record.name, str(record.msg))), None)

    def _decide(self, rule: LogRule, key: tuple[str, str]) -> tuple[bool, int]:
        """Whether it is written, and how many like it were left out since the last one that was."""
        now_s = self._monotonic_s()
        event = self._events.get(key)
        if event is None:
            if len(self._events) == MOST_EVENTS:
                del self._events[next(iter(self._events))]
            event = self._events[key] = _Event(0, rule.burst, now_s)
        event.came += 1
        event.tokens = min(rule.burst, event.tokens + rule.per_second * (now_s - event.refilled_s))
        event.refilled_s = now_s
        if (event.came - 1) % rule.one_in or (rule.per_second and event.tokens < 1):
            event.left_out += 1
            self.left_out += 1
            return False, 0
        event.tokens -= 1
        before, event.left_out = event.left_out, 0
        return True, before
