"""When a stream that broke continues, from where, and after how long; shared by both clients, without I/O."""

import random
import time
from collections.abc import Callable
from typing import Any, Protocol

import grpc

from radgate.assembly import Assembler
from radgate.connection import MAX_RETRY_DELAY_S
from radgate.errors import CorruptDataError, IncompleteStudyError, RadgateError

MAX_RESUMES = 8
"""Tries in a row that bring nothing before a client gives up, unless it is reported otherwise: about half a minute."""

MAX_NEW_TRIES = 3
"""Tries of a stream whose connection broke before anything came: within some two seconds, in which a gateway finds
another server, and whoever calls one that is down learns it soon."""

_FIRST_DELAY_S = 0.25
_LONGEST_DELAY_S = 10.0
_BROKEN_CONNECTION = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL, grpc.StatusCode.ABORTED)


class ResumableAssembler[Made](Assembler[Made], Protocol):
    """Makes something of the pieces of one stream after another, of which each continues where the last one broke."""

    resume_token: bytes

    @property
    def received(self) -> int:
        """Objects that came whole, over all streams."""
        ...

    @property
    def begun(self) -> bool:
        """Whether any piece has come."""
        ...

    def begin_again(self) -> None:
        """Throw away what is half there; the next piece is the first of another stream."""
        ...


class Resumption[Made]:
    """Decides for one retrieve. `request` is that of the next stream; `timeout_s` bounds all of them together."""

    def __init__(
        self,
        request: Any,
        assembler: ResumableAssembler[Made],
        *,
        max_resumes: int,
        timeout_s: float | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.request = request
        self.assembler = assembler
        self._max_resumes = max_resumes
        self._clock = clock
        self._deadline = None if timeout_s is None else clock() + timeout_s
        self._tries = 0
        self._received = 0

    @property
    def timeout_s(self) -> float | None:
        """Seconds that are left, at least 0; None when there is no bound."""
        return None if self._deadline is None else max(0.0, self._deadline - self._clock())

    def delay_s(self, error: RadgateError) -> float | None:
        """Seconds after which the stream that ended by `error` continues; None when it does not."""
        if not self._may_continue(error):
            return None
        if self.assembler.received > self._received:
            self._received, self._tries = self.assembler.received, 0
        self._tries += 1
        delay_s = max(_back_off_s(self._tries), error.retry_after_s or 0.0)
        left_s = self.timeout_s
        most = self._max_resumes if self.assembler.begun else min(self._max_resumes, MAX_NEW_TRIES)
        if self._tries > most or (left_s is not None and delay_s >= left_s):
            return None
        self.assembler.begin_again()
        self.request.resume_token = self.assembler.resume_token
        return delay_s

    def _may_continue(self, error: RadgateError) -> bool:
        """Not what a server without tokens would send from its start; before the first piece, not what was answered."""
        nothing_twice = bool(self.assembler.resume_token) or not self.assembler.received
        if not self.assembler.begun and error.reason:
            return False
        return nothing_twice and _passes(error)


def _passes(error: RadgateError) -> bool:
    """Whether trying again may help: the connection broke, or the server says that waiting helps."""
    if isinstance(error, IncompleteStudyError):
        return error.expected is None  # cut off before the closing record
    if isinstance(error, CorruptDataError):
        return False
    if not error.reason:
        return error.code in _BROKEN_CONNECTION
    return error.code is grpc.StatusCode.UNAVAILABLE and (error.retry_after_s or 0.0) <= MAX_RETRY_DELAY_S


def _back_off_s(tries: int) -> float:
    longest_s = min(_FIRST_DELAY_S * 2.0 ** (tries - 1), _LONGEST_DELAY_S)
    return longest_s * random.uniform(0.75, 1.0)  # noqa: S311 (jitter, no secret)
