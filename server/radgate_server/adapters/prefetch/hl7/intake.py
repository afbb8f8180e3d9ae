"""What becomes of each message that arrives: whose it is, what it announces, and the answer to it."""

import logging
import secrets
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from radgate_server.adapters.prefetch.hl7.answers import AckCode, acknowledge
from radgate_server.adapters.prefetch.hl7.blocks import Block
from radgate_server.adapters.prefetch.hl7.messages import Message, MessageError, Problem, Segment, read_message
from radgate_server.adapters.prefetch.hl7.orders import expected_studies
from radgate_server.adapters.prefetch.hl7.places import PURPOSES
from radgate_server.core.prefetch.expected import ExpectedStudy
from radgate_server.core.prefetch.orders.senders import OrderPeer, OrderRoute, OrderSender, sender_of
from radgate_server.lib.clock import Clock

_log = logging.getLogger(__name__)

_ANSWER_ID_BYTES = 10  # MSH-10 has 20 characters (2.14.9.10)

type Offer = Callable[[str, ExpectedStudy], bool]
"""Takes what is expected for a tenant, and returns whether there was room for it."""


class OrderTelemetry(Protocol):
    """What is counted; cheap, never fails."""

    def order_message(self, kind: str, outcome: str) -> None:
        """A message of this kind, as "ORM^O01" or "other", was "taken", "ignored", "refused", "busy" or "failed"."""
        ...

    def order_connection_refused(self, reason: str) -> None:
        """A connection was refused, or ended by us: "address", "limit", "tls" or "timeout"."""
        ...


class _Outcome(NamedTuple):
    """How a message ended: for its sender, and for metrics."""

    code: AckCode
    word: str
    text: str = ""


_TAKEN = _Outcome(AckCode.ACCEPTED, "taken")
_IGNORED = _Outcome(AckCode.ACCEPTED, "ignored")
_BUSY = _Outcome(AckCode.ERROR, "busy", Problem.BUSY)
_FAILED = _Outcome(AckCode.ERROR, "failed", "internal error; the log of the server says more")


class OrderIntake:
    """Offers what is announced. Nothing of a message is logged, counted or answered but its kind and what is wrong."""

    def __init__(self, senders: Sequence[OrderSender], offer: Offer, clock: Clock, telemetry: OrderTelemetry) -> None:
        self._senders = senders
        self._offer = offer
        self._clock = clock
        self._telemetry = telemetry

    def answer(self, block: Block, peer: OrderPeer) -> bytes:
        """The answer to the message, when what it announces is taken or will never be."""
        kind = "other"
        try:
            message = read_message(block)
            kind = message.kind if message.kind in PURPOSES else "other"
            outcome = self._act_on(message, peer)
        except MessageError as error:
            _log.warning("a message is refused by the listener for orders: %s", error.problem)
            outcome = _Outcome(AckCode.REJECTED, "refused", error.problem)
        except Exception:  # noqa: BLE001 - one message that is not foreseen must not end what others come over
            _log.exception("a message could not be handled by the listener for orders")
            outcome = _FAILED
        self._telemetry.order_message(kind, outcome.word)
        answer_id = secrets.token_hex(_ANSWER_ID_BYTES)
        return acknowledge(block.content, outcome.code, outcome.text, self._clock.now(), answer_id)

    def _act_on(self, message: Message, peer: OrderPeer) -> _Outcome:
        sender = sender_of(self._senders, peer, _route(message.header))
        if sender is None:
            raise MessageError(Problem.NO_SENDER)
        purpose = PURPOSES.get(message.kind)
        if purpose is None:
            return _IGNORED
        expected = expected_studies(message, purpose, sender.assigning_authority)
        if not expected:
            return _IGNORED
        # What was taken of a message that is sent again is known by its number.
        return _TAKEN if all(self._offer(sender.tenant_id, study) for study in expected) else _BUSY


def _route(header: Segment) -> OrderRoute:
    return OrderRoute(*(header.value(number) for number in (3, 4, 5, 6)))
