"""Remembers alerts and notifications, so that each alert is reported once, and its end too. Pure: no I/O."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from radgate_server.core.alerts.alert import Alert, AlertState, Notice


@dataclass(frozen=True, slots=True)
class NoticePolicy:
    """An alert is over when its cause has been absent for `settle_s`; reported again every `repeat_s` (0: never)."""

    site: str
    settle_s: float
    repeat_s: float


@dataclass(slots=True)
class _Known:
    """An alert that was found: since when, when last, and when it was reported last (None: not yet)."""

    alert: Alert
    since: datetime
    since_s: float
    seen_s: float
    notified_s: float | None = None


class AlertLedger:
    """One per process."""

    def __init__(self, policy: NoticePolicy) -> None:
        self._policy = policy
        self._known: dict[str, _Known] = {}

    def update(
        self,
        found: Iterable[Alert],
        pending_s: Mapping[str, float],
        silenced: Callable[[Alert], bool],
        now: datetime,
        now_s: float,
    ) -> list[Notice]:
        """Return what is to be reported, now that just these alerts are found.

        `pending_s` says by the rules' names for how long an alert must be there before it counts; what is gone before
        was nothing. Of what is `silenced` nobody is notified, nor of its end if its beginning was not reported either.
        """
        for alert in found:
            known = self._known.setdefault(alert.key, _Known(alert, now, now_s, now_s))
            known.alert, known.seen_s = alert, now_s
        notices = []
        for key, known in list(self._known.items()):
            if known.seen_s < now_s:
                notices += self._end(key, known, now, now_s)
            elif self._is_due(known, pending_s[known.alert.name], now_s) and not silenced(known.alert):
                notices.append(self._notice(known, AlertState.FIRING, now))
                known.notified_s = now_s
        return notices

    def _end(self, key: str, known: _Known, now: datetime, now_s: float) -> list[Notice]:
        if known.notified_s is not None and now_s - known.seen_s < self._policy.settle_s:
            return []
        del self._known[key]
        return [] if known.notified_s is None else [self._notice(known, AlertState.RESOLVED, now)]

    def _is_due(self, known: _Known, pending_s: float, now_s: float) -> bool:
        if known.notified_s is None:
            return now_s - known.since_s >= pending_s
        return 0 < self._policy.repeat_s <= now_s - known.notified_s

    def _notice(self, known: _Known, state: AlertState, now: datetime) -> Notice:
        again = state is AlertState.FIRING and known.notified_s is not None
        return Notice(known.alert, state, now, known.since, self._policy.site, again=again)
