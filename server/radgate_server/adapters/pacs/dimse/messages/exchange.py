"""One operation's messages on one association (PS3.7 9): sending, waiting, giving up. Used by one thread at a time."""

import queue
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from pynetdicom.dimse_primitives import C_CANCEL
from pynetdicom.pdu_primitives import P_DATA

from radgate_server.adapters.pacs.dimse.transport.upper_layer import QuickAssociation
from radgate_server.core.errors import (
    PacsAbortedError,
    PacsError,
    PacsFailedError,
    PacsNoContextError,
    PacsTimeoutError,
)
from radgate_server.core.pacs.minimum_rate import MinimumRate, Progress

_MAX_MESSAGE_ID = 0xFFFF
_VALUES_AHEAD = 16
_AHEAD_S = 0.001
_LONG_S = 3600.0


class OperationCancelledError(Exception):
    """The operation's owner does not want its outcome any more; never leaves this package."""


class AgreedContext(NamedTuple):
    """A presentation context that was accepted."""

    context_id: int
    transfer_syntax_uid: str


def answered_status(exchange: "Exchange", answer: Any, expected: type[Any]) -> int:
    """The status of an answer. Raises PacsFailedError for a message that is no answer to the request."""
    if not isinstance(answer, expected) or getattr(answer, "Status", None) is None:
        raise PacsFailedError("the PACS answered with a message that fits no request", pacs=exchange.pacs)
    return int(answer.Status)


class Exchange:
    """Sends and receives messages, and turns silence and broken connections into errors."""

    def __init__(
        self, association: QuickAssociation, pacs: str, idle_timeout_s: float, min_bytes_per_s: int = 0
    ) -> None:
        """The PACS is too slow when it sends less than `min_bytes_per_s` on average for the idle time-out."""
        self.association = association
        self.pacs = pacs
        self._rate = MinimumRate(min_bytes_per_s, idle_timeout_s)
        self._done_at = time.monotonic()
        self._idle_timeout_s = idle_timeout_s
        self.is_cancelled = False

    def context_of(self, abstract_syntax: str, what: str) -> AgreedContext:
        """The accepted context for the abstract syntax. Raises PacsNoContextError; `what` names it there."""
        context = self.association.accepted(abstract_syntax)
        if context is None:
            raise PacsNoContextError(f"the PACS accepts no presentation context for {what}", pacs=self.pacs)
        return AgreedContext(context.context_id or 0, str(context.transfer_syntax[0]))

    def next_message_id(self) -> int:
        """A Message ID (PS3.7 E.1) that no earlier message of the association had, until they wrap."""
        self.association.last_message_id = self.association.last_message_id % _MAX_MESSAGE_ID + 1
        self.get_on()
        return self.association.last_message_id

    def get_on(self) -> None:
        """Something that was asked for has come, or was sent: the minimum rate is measured again."""
        self._done_at = time.monotonic()

    def send(self, message: Any, context_id: int) -> None:
        """Send a message.

        Raises:
            PacsAbortedError: the association is gone.
        """
        if not self.association.dul.is_alive():
            raise self._broken()
        self.association.dimse.send_msg(message, context_id)

    def send_value(self, value: P_DATA) -> None:
        """Send one presentation data value as soon as the PACS has read most of the earlier ones.

        Raises:
            PacsAbortedError: the association is gone.
            PacsTimeoutError: the PACS reads nothing for longer than the idle time-out.
            OperationCancelledError: `cancel()` was called.
        """
        provider, waiting_since = self.association.dul, time.monotonic()
        while provider.to_provider_queue.qsize() >= _VALUES_AHEAD:
            if self.is_cancelled:
                raise OperationCancelledError
            if not provider.is_alive():
                raise self._broken()
            if time.monotonic() - waiting_since >= self._idle_timeout_s:
                raise PacsTimeoutError("the PACS stopped reading in the middle of an operation", pacs=self.pacs)
            time.sleep(_AHEAD_S)
        provider.send_pdu(value)
        self.get_on()

    def send_cancel(self, message_id: int, context_id: int) -> None:
        """Ask the PACS to stop the operation (PS3.7 9.3.2.3); its final answer still comes."""
        message = C_CANCEL()
        message.MessageIDBeingRespondedTo = message_id
        self.send(message, context_id)

    def receive(
        self,
        timeout_s: float | None = None,
        *,
        also_alive_at: Callable[[], float] = lambda: 0.0,
        done_at: Callable[[], float] = lambda: 0.0,
        received_elsewhere: Callable[[], int] = lambda: 0,
    ) -> tuple[int, Any]:
        """Wait for the next message: its context, and the primitive. Any byte from the PACS counts as alive.

        `also_alive_at` gives the monotonic time of the last activity elsewhere, `done_at` that at which something
        came whole that was asked for. Messages alone are no progress: a PACS may send them without end. Of one message
        the bytes are, for as long as it lasts, and those that `received_elsewhere` counts meanwhile.

        Raises:
            PacsTimeoutError: silence for longer than `timeout_s` seconds, by default the idle time-out; or the PACS
                gets on more slowly than its minimum rate.
            PacsAbortedError: the association is gone.
            OperationCancelledError: `cancel()` was called.
        """
        limit_s = self._idle_timeout_s if timeout_s is None else timeout_s
        waiting_since = time.monotonic()
        provider = self.association.dul
        progress, before = Progress(self._rate, self._done_at), provider.received_bytes + received_elsewhere()
        while True:
            if self.is_cancelled:
                raise OperationCancelledError
            received = provider.received_bytes + received_elsewhere()
            left_s, before = self._left_s(progress, done_at(), received, before), received
            silent_s = time.monotonic() - max(waiting_since, self.association.dul.received_at, also_alive_at())
            if silent_s >= limit_s:
                raise PacsTimeoutError("the PACS fell silent in the middle of an operation", pacs=self.pacs)
            try:
                context_id, message = self.association.dimse.msg_queue.get(timeout=min(limit_s - silent_s, left_s))
            except queue.Empty:
                continue
            if context_id is not None:
                return context_id, message
            if not self.is_cancelled:
                raise self._broken()

    def cancel(self) -> None:
        """Make the thread that uses this stop waiting. May be called from any thread."""
        self.is_cancelled = True
        self.association.dimse.msg_queue.put((None, None))

    def _left_s(self, progress: Progress, done_at: float, received: int, before: int) -> float:
        """Seconds until the PACS is too slow. Raises PacsTimeoutError when it is."""
        now_s = time.monotonic()
        progress.done(done_at)
        progress.came(max(0, received - before), now_s)
        left_s = progress.left_s(now_s)
        if left_s is None:
            return _LONG_S
        if left_s <= 0:
            raise PacsTimeoutError("the PACS sends less than its minimum rate (min_bytes_per_second)", pacs=self.pacs)
        return left_s

    def _broken(self) -> PacsError:
        return PacsAbortedError("the PACS broke the connection in the middle of an operation", pacs=self.pacs)
