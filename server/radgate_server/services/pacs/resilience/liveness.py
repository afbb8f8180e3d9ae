"""Liveness of a PACS by its traffic: when it last answered, and for how long it has owed an answer.

No I/O, no clock: the time, in seconds that only grow, is given with each call.
"""

from radgate_server.core.pacs.health import Liveness


class LivenessMeter:
    """One PACS. An operation that is answered soon by a PACS that works calls `ask` and, however it ends, `leave`.

    Those that move instances are heard alone: their answers may take long for good reasons, such as a tape.
    """

    def __init__(self) -> None:
        self._heard_at_s: float | None = None
        self._waiting = 0
        self._waited_s = 0.0  # up to when the last one left; giving up is no answer, so whoever asks next continues
        self._waiting_since_s = 0.0

    def ask(self, now_s: float) -> None:
        """Somebody waits for a short answer from now on."""
        if not self._waiting:
            self._waiting_since_s = now_s
        self._waiting += 1

    def leave(self, now_s: float) -> None:
        """One of those waits no longer, answered or not."""
        self._waiting -= 1
        if not self._waiting:
            self._waited_s += now_s - self._waiting_since_s

    def record_answer(self, now_s: float) -> None:
        """The PACS answered or sent something, whomever."""
        self._heard_at_s = self._waiting_since_s = now_s
        self._waited_s = 0.0

    def liveness(self, now_s: float) -> Liveness:
        """What is known now."""
        waiting_s = now_s - self._waiting_since_s if self._waiting else 0.0
        return Liveness(self._heard_at_s, self._waited_s + waiting_s)
