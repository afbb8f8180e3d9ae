"""JobNotices over NATS JetStream."""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from radgate_server.adapters.jobs.nats.session import MAX_DELIVERIES, REDELIVERY_DELAYS_S, NatsSession
from radgate_server.core.jobs.job import Job
from radgate_server.lib.condition_log import ConditionLog

_log = logging.getLogger(__name__)

RECONNECT_S = 1.0
FLUSH_S = 2.0
MAX_OUTGOING = 10_000
"""Messages that wait for NATS; more are dropped, and the store's search at intervals finds the jobs."""

type _Outgoing = tuple[str, dict[str, object]]


class NatsJobNotices:
    """A notice is a message of a stream of the kind work queue: one process gets it, and it is gone when acknowledged.

    Connects in the background from `start` on, and again whenever the connection is lost.
    """

    def __init__(self, connect: Callable[[], Awaitable[NatsSession]], counted: Callable[[str], None]) -> None:
        self._connect = connect
        self._counted = counted
        self._session: NatsSession | None = None
        self._up = asyncio.Event()
        self._outgoing: asyncio.Queue[_Outgoing] = asyncio.Queue(MAX_OUTGOING)
        self._trouble = ConditionLog(_log, "NATS can't be used; jobs are found by searching the database each second")
        self._task: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        """Whether notices arrive."""
        return self._session is not None and self._session.usable

    def start(self) -> None:
        """Connect, and send what was announced."""
        self._task = asyncio.create_task(self._send_on(), name="job-notices")

    async def close(self) -> None:
        """Send what still waits, within FLUSH_S seconds, and disconnect."""
        if self._task is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(FLUSH_S if self.connected else 0):
                    await self._outgoing.join()
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def problem(self) -> str:
        """What is wrong, "" when all is well."""
        if self.connected:
            return ""
        return "NATS can't be reached; jobs still run, and are found by searching the database each second"

    def announce(self, job_id: str) -> None:
        """Wake one process that has room."""
        self._enqueue("due", {"job": job_id})

    def bury(self, job: Job) -> None:
        """Make a dead letter of a job that is not tried again."""
        self._enqueue("dead", _dead_letter(job))

    @asynccontextmanager
    async def receive(self) -> AsyncGenerator[None]:
        """Wait for a notice; leaving the context acknowledges it, an error in it has it delivered again later."""
        message = await self._next()
        self._counted("received")
        try:
            yield
        except Exception:
            await self._refuse(message)
            raise
        await self._answer(message.ack())

    async def _next(self) -> Any:
        while True:
            await self._up.wait()
            session = self._session
            try:
                if session is not None and (message := await session.next()) is not None:
                    return message
            except ConnectionError as error:
                await self._lose(session, error)

    async def _refuse(self, message: Any) -> None:
        """Have the notice delivered again later; after the last time it is a dead letter."""
        deliveries = message.metadata.num_delivered
        if deliveries < MAX_DELIVERIES:
            self._counted("refused")
            await self._answer(message.nak(delay=REDELIVERY_DELAYS_S[deliveries - 1]))
            return
        _log.warning("a notice of a job was delivered %d times in vain; it is a dead letter now", deliveries)
        self._enqueue("dead", {**json.loads(message.data), "reason": "NOTICE_UNDELIVERABLE"})
        await self._answer(message.term())

    async def _answer(self, answer: Awaitable[None]) -> None:
        """What NATS does not hear makes it deliver the notice again, which does no harm."""
        try:
            await answer
        except Exception as error:  # noqa: BLE001 - nats-py raises what its transport does
            await self._lose(self._session, ConnectionError(type(error).__name__))

    def _enqueue(self, kind: str, content: dict[str, object]) -> None:
        if kind == "due" and not self.connected:
            self._counted("dropped")  # without NATS every process searches the store each second
            return
        try:
            self._outgoing.put_nowait((kind, content))
        except asyncio.QueueFull:
            self._counted("dropped")

    async def _send_on(self) -> None:
        """Connect when there is no connection, and send; one message after the other."""
        while True:
            session = await self._connected_session()
            kind, content = await self._next_outgoing(session)
            if not kind:
                continue
            try:
                await session.send(kind, json.dumps(content).encode())
                self._counted("sent" if kind == "due" else "dead-letter")
            except ConnectionError as error:
                await self._lose(session, error)
                if kind == "dead":
                    self._enqueue(kind, content)
            self._outgoing.task_done()

    async def _next_outgoing(self, session: NatsSession) -> tuple[str, dict[str, object]]:
        """The next message; ("", {}) after a while without any, for the connection to be looked at."""
        try:
            async with asyncio.timeout(RECONNECT_S):
                return await self._outgoing.get()
        except TimeoutError:
            if not session.usable:
                await self._lose(session, ConnectionError("NATS closed the connection"))
            return "", {}

    async def _connected_session(self) -> NatsSession:
        while self._session is None:
            session = None
            try:
                session = await self._connect()
                await session.open()
            except Exception as error:  # noqa: BLE001 - nats-py raises what its transport and its parser do
                if session is not None:
                    await session.close()
                self._trouble.failed(f"no connection ({type(error).__name__})")
                await asyncio.sleep(RECONNECT_S)
                continue
            self._trouble.succeeded()
            self._session = session
            self._up.set()
        return self._session

    async def _lose(self, session: NatsSession | None, error: ConnectionError) -> None:
        """Give up a session, once."""
        if session is None or session is not self._session:
            return
        self._session = None
        self._up.clear()
        self._trouble.failed(str(error))
        await session.close()


def _dead_letter(job: Job) -> dict[str, object]:
    """What an operator needs to find the job; nothing of the patient or study."""
    return {
        "job": job.job_id,
        "tenant": job.request.tenant_id,
        "kind": job.request.kind.value,
        "reason": job.reason,
        "attempts": job.attempts,
        "ended": "" if job.ended is None else job.ended.isoformat(),
    }
