"""The gate before the PACS: operations wait here for their turn, for a bounded time."""

import asyncio
from collections.abc import Sequence

from radgate_server.core.telemetry.ports import Telemetry
from radgate_server.services.pacs.resilience.admission import Admission, OperationQueue, Reservation


class NotAdmittedError(Exception):
    """The operation's turn did not come in time. Never leaves this package."""


class FairGate:
    """Hands out turns; belongs to one event loop. Whoever is cancelled while waiting loses nothing for the others."""

    def __init__(self, admission: Admission, telemetry: Telemetry) -> None:
        self._admission = admission
        self._telemetry = telemetry
        self._sleeping: dict[Reservation, asyncio.Future[None]] = {}

    async def enter(self, queue: OperationQueue, *, max_wait_s: float) -> Reservation:
        """Wait for a turn, at most so many seconds; give it back with `leave`.

        Raises:
            NotAdmittedError: it did not come in time.
        """
        reservation = self._admission.enter(queue)
        self._report(reservation)
        if not reservation.admitted:
            await self._wait(reservation, max_wait_s)
        return reservation

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
            future = self._sleeping[reservation]
            if not future.done():  # else it is being cancelled, and will pass its turn on
                future.set_result(None)

    async def _wait(self, reservation: Reservation, max_wait_s: float) -> None:
        self._sleeping[reservation] = future = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(max_wait_s):
                await future
        except BaseException as error:
            self.leave(reservation)
            if isinstance(error, TimeoutError):
                raise NotAdmittedError from None
            raise
        finally:
            del self._sleeping[reservation]

    def _report(self, reservation: Reservation) -> None:
        capacity, queue_key = reservation.queue.pacs, reservation.queue.queue_key
        self._telemetry.pacs_waiting(queue_key.tenant_id, queue_key.pacs, capacity.waiting, capacity.running)
