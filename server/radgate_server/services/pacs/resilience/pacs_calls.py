"""How one PACS is asked: look at the breaker, wait for a turn, pass the breaker, call; perhaps once more.

The breaker is looked at first, so that nobody stands in line for what won't be asked; it is passed last, so that the
one call that tries whether the PACS is back does not spend that time in line. Repetition stands around both: a
back-off holds no place that others could use, and each attempt counts for the breaker.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from types import TracebackType
from typing import Self

from radgate_server.core.errors import PacsBusyError, PacsCircuitOpenError, PacsError
from radgate_server.core.pacs.background import Background, current_background
from radgate_server.core.telemetry.ports import Telemetry
from radgate_server.lib.clock import Clock
from radgate_server.lib.deadline import remaining_s
from radgate_server.services.pacs.resilience.admission import OperationQueue, QueueKey, Reservation, Urgency
from radgate_server.services.pacs.resilience.backoff import Backoff, Uniform
from radgate_server.services.pacs.resilience.breaker import Breaker, Ticket
from radgate_server.services.pacs.resilience.calls_in_progress import CallsInProgress
from radgate_server.services.pacs.resilience.fair_gate import FairGate, NotAdmittedError
from radgate_server.services.pacs.resilience.liveness import LivenessMeter
from radgate_server.services.pacs.resilience.operations import (
    INTERACTIVE,
    URGENCIES,
    Operation,
    Verdict,
    is_repeated,
    verdict_of,
)


@dataclass(frozen=True, slots=True)
class CallResources:
    """What all PACS share: the gate, how repetitions are spaced, time and chance.

    `max_wait_s` is how many seconds an operation stands in line at most. An interactive one that is given up after
    `patience_s` seconds without an answer counts as a failure.
    """

    gate: FairGate
    max_wait_s: Mapping[Operation, float]
    backoff: Backoff
    patience_s: float
    clock: Clock
    telemetry: Telemetry
    uniform: Uniform
    sleep: Callable[[float], Awaitable[None]]


class PacsCaller:
    """Asks one PACS of one tenant. `queues` has where each class stands in line, `liveness` receives what is heard.

    `calls` counts what is in progress. `on_failure` gets each attempt's error, when the breaker has judged it.
    """

    def __init__(
        self,
        queues: Mapping[Urgency, OperationQueue],
        breakers: Mapping[Operation, Breaker],
        liveness: LivenessMeter,
        calls: CallsInProgress,
        resources: CallResources,
        on_failure: Callable[[Operation, PacsError], None],
    ) -> None:
        self.calls = calls
        self._queues = queues
        self._breakers = breakers
        self._liveness = liveness
        self._resources = resources
        self._on_failure = on_failure

    async def ask[T](self, operation: Operation, call: Callable[[], Awaitable[T]], urgency: Urgency | None = None) -> T:
        """Do an operation that ends with its result; `urgency` stands in for its usual one.

        Raises:
            PacsCircuitOpenError: the PACS is not asked for now.
            PacsBusyError: no turn came in time.
            PacsError: what the last attempt raised.
        """
        with self.calls.counted():
            return await self.repeat(operation, lambda: self._once(operation, call, urgency))

    async def repeat[T](self, operation: Operation, once: Callable[[], Awaitable[T]]) -> T:
        """Call `once`, which makes one attempt, until it succeeds or is not to be repeated. Raises as `ask`."""
        for retry in count():
            self._check(operation)
            try:
                return await once()
            except NotAdmittedError:
                raise PacsBusyError("too much is being asked of the PACS", pacs=self._queue_key.pacs) from None
            except PacsError as error:
                self._on_failure(operation, error)
                delay_s = self._delay_s(operation, error, retry)
                if delay_s is None:
                    raise
            queue_key = self._queue_key
            self._resources.telemetry.pacs_retried(queue_key.tenant_id, queue_key.pacs, operation)
            await self._resources.sleep(delay_s)
        raise AssertionError("count() does not end")

    def attempt(self, operation: Operation, urgency: Urgency | None = None) -> "Attempt":
        """One attempt: entering waits for a turn and passes the breaker, leaving gives both back."""
        queue = self._queues[URGENCIES[operation] if urgency is None else urgency]
        return Attempt(queue, self._breakers[operation], self._liveness, self._resources, operation)

    def transfer(self) -> "Attempt":
        """An attempt of RETRIEVE, which goes last and gives way as long as nobody waits for it."""
        attempt = self.attempt(Operation.RETRIEVE)
        if (background := current_background.get()) is not None:
            attempt.go_last(background, self._queues[Urgency.BACKGROUND])
        return attempt

    async def _once[T](self, operation: Operation, call: Callable[[], Awaitable[T]], urgency: Urgency | None) -> T:
        async with self.attempt(operation, urgency) as attempt:
            try:
                result = await call()
            except asyncio.CancelledError:
                attempt.judge_silence()
                raise
            except BaseException as error:
                attempt.judge(verdict_of(error))
                raise
            attempt.judge(Verdict.ANSWERED)
            return result

    def _delay_s(self, operation: Operation, error: PacsError, retry: int) -> float | None:
        if not is_repeated(operation, error) or self._refusal_s(operation) is not None:
            return None
        return self._resources.backoff.delay_s(retry, remaining_s=remaining_s(), uniform=self._resources.uniform)

    def _check(self, operation: Operation) -> None:
        refusal_s = self._refusal_s(operation)
        if refusal_s is not None:
            raise circuit_open(self._queue_key.pacs, operation, refusal_s)

    def _refusal_s(self, operation: Operation) -> float | None:
        return self._breakers[operation].refusal_s(self._resources.clock.monotonic_s())

    @property
    def _queue_key(self) -> QueueKey:
        """Any of them, for what they have in common."""
        return self._queues[Urgency.SEARCH].queue_key


class Attempt:
    """An attempt in progress. Nothing is known of the PACS from one that is left without a verdict."""

    def __init__(
        self,
        queue: OperationQueue,
        breaker: Breaker,
        liveness: LivenessMeter,
        resources: CallResources,
        operation: Operation,
    ) -> None:
        self._queue = queue
        self._breaker = breaker
        self._liveness = liveness
        self._resources = resources
        self._operation = operation
        self._is_short = operation in INTERACTIVE
        self._reservation: Reservation | None = None
        self._ticket: Ticket | None = None
        self._started_s = 0.0
        self._verdict = Verdict.UNKNOWN
        self._background: Background | None = None
        self._last_queue = queue
        self._stack = ExitStack()

    def go_last(self, background: Background, queue: OperationQueue) -> None:
        """Wait in this queue, for as long as it takes, until somebody waits for the result."""
        self._background, self._last_queue = background, queue

    @property
    def gives_way(self) -> bool:
        """Whether others wait for its place, while nobody waits for it."""
        return self._reservation is not None and self._reservation.gives_way

    async def __aenter__(self) -> Self:
        reservation = await self._admitted()
        now_s = self._resources.clock.monotonic_s()
        ticket = self._breaker.enter(now_s)
        if ticket is None:
            self._stack.close()
            self._resources.gate.leave(reservation)
            raise circuit_open(self._queue.queue_key.pacs, self._operation, self._breaker.refusal_s(now_s) or 0.0)
        self._reservation, self._ticket, self._started_s = reservation, ticket, now_s
        if self._is_short:
            self._liveness.ask(now_s)
        return self

    async def _admitted(self) -> Reservation:
        gate, max_wait_s = self._resources.gate, self._resources.max_wait_s[self._operation]
        background = self._background
        if background is None or background.is_awaited:
            return await gate.enter(self._queue, max_wait_s=max_wait_s)
        reservation = gate.apply(self._last_queue)
        with ExitStack() as stack:
            stack.enter_context(
                background.when_awaited(lambda: gate.move(reservation, self._queue, max_wait_s=max_wait_s))
            )
            await gate.admitted(reservation, max_wait_s=None)
            self._stack = stack.pop_all()
        return reservation

    @property
    def pacs(self) -> str:
        """Whose it is."""
        return self._queue.queue_key.pacs

    def judge(self, verdict: Verdict) -> None:
        """The call has ended, and this is what it says of the PACS."""
        self._verdict = verdict
        if verdict is Verdict.ANSWERED:
            self.record_answer()

    def record_answer(self) -> None:
        """Something came from the PACS."""
        self._liveness.record_answer(self._resources.clock.monotonic_s())

    def judge_silence(self) -> None:
        """The caller gave up. That says nothing of the PACS, unless it had long enough for a short answer."""
        waited_s = self._resources.clock.monotonic_s() - self._started_s
        if self._is_short and waited_s >= self._resources.patience_s:
            self._verdict = Verdict.FAILED

    def confirm_alive(self) -> None:
        """The PACS has begun to answer, and what is in progress may last."""
        self.judge(Verdict.ANSWERED)
        if self._ticket is not None:
            self._ticket = self._breaker.confirm_alive(self._ticket)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._ticket is not None and self._reservation is not None:
            now_s = self._resources.clock.monotonic_s()
            self._breaker.record(self._ticket, self._verdict, now_s)
            if self._is_short:
                self._liveness.leave(now_s)
            self._stack.close()
            self._resources.gate.leave(self._reservation)


def circuit_open(pacs: str, operation: Operation, refusal_s: float) -> PacsCircuitOpenError:
    """The refusal, with the time after which to come again."""
    return PacsCircuitOpenError(
        "the PACS failed too often recently and is not asked for now",
        pacs=pacs,
        operation=operation.value,
        retry_after_s=refusal_s,
    )
