"""The gate before the PACS: operations wait here for their turn, for a bounded time."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from radgate_server.core.telemetry.ports import Telemetry
from radgate_server.services.pacs.resilience.admission import Admission, OperationQueue, Reservation


class NotAdmittedError(Exception):
    """The operation's turn did not come in time. Never leaves this package."""


@dataclass(frozen=True, slots=True)
class _Sleeper:
    """Who waits: `turn` is set when it is its turn, `timeout` ends it."""

    turn: asyncio.Future[None]
    timeout: asyncio.Timeout


class FairGate:
    """Hands out turns; belongs to one event loop. Whoever is cancelled while waiting loses nothing for the others."""

    def __init__(self, admission: Admission, telemetry: Telemetry) -> None:
        self._admission = admission
        self._telemetry = telemetry
        self._sleeping: dict[Reservation, _Sleeper] = {}

    async def enter(self, queue: OperationQueue, *, max_wait_s: float) -> Reservation:
        """Wait for a turn, at most so many seconds; give it back with `leave`.

        Raises:
            NotAdmittedError: it did not come in time.
        """
        reservation = self.apply(queue)
        await self.admitted(reservation, max_wait_s=max_wait_s)
        return reservation

    def apply(self, queue: OperationQueue) -> Reservation:
        """Take a place in the queue; await `admitted` at once, which gives it back when it raises."""
        reservation = self._admission.enter(queue)
        self._report(reservation)
        return reservation

    async def admitted(self, reservation: Reservation, *, max_wait_s: float | None) -> None:
        """Wait for its turn, None: for as long as it takes. Raises NotAdmittedError."""
        if not reservation.admitted:
            await self._wait(reservation, max_wait_s)

    def move(self, reservation: Reservation, queue: OperationQueue, *, max_wait_s: float) -> None:
        """Make it one of another class, which waits so many seconds from now on."""
        if (sleeper := self._sleeping.get(reservation)) is not None and not sleeper.turn.done():
            sleeper.timeout.reschedule(asyncio.get_running_loop().time() + max_wait_s)
        self._wake(self._admission.move(reservation, queue))

    def leave(self, reservation: Reservation) -> None:
        """The operation has ended; the next ones are admitted."""
        admitted = self._admission.leave(reservation)
        self._report(reservation)
        self._wake(admitted)

    def share(self, servers: int) -> None:
        """Keep to the share of one of so many servers; whoever fits then is admitted."""
        self._wake(self._admission.share(servers))

    def _wake(self, admitted: Sequence[Reservation]) -> None:
        for reservation in admitted:
            self._report(reservation)
            turn = self._sleeping[reservation].turn
            if not turn.done():  # else it is being cancelled, and will pass its turn on
                turn.set_result(None)

    async def _wait(self, reservation: Reservation, max_wait_s: float | None) -> None:
        try:
            async with asyncio.timeout(max_wait_s) as timeout:
                turn = asyncio.get_running_loop().create_future()
                self._sleeping[reservation] = _Sleeper(turn, timeout)
                await turn
        except BaseException as error:
            self.leave(reservation)
            if isinstance(error, TimeoutError):
                raise NotAdmittedError from None
            raise
        finally:
            self._sleeping.pop(reservation, None)

    def _report(self, reservation: Reservation) -> None:
        capacity, queue_key = reservation.queue.pacs, reservation.queue.queue_key
        self._telemetry.pacs_waiting(queue_key.tenant_id, queue_key.pacs, capacity.waiting, capacity.running)
