"""Commits what waits in the spool to the database, in order, each record once."""

import asyncio
import logging
from functools import partial
from threading import Event, Thread

from sqlalchemy import Engine

from radgate_server.adapters.database.audit.writer import AuditWriter
from radgate_server.core.audit.ports.spool import AuditSpool
from radgate_server.core.errors import DatabaseUnavailableError
from radgate_server.core.failure_text import describe_failure
from radgate_server.lib.condition_log import ConditionLog

_log = logging.getLogger(__name__)

RETRY_S = 1.0
"""Between two attempts at a database that is away, and two looks at a spool that is used only then."""

SYNC_S = 0.1
"""Between two syncs of the spool's files, unless a commit takes longer: what a power cut may cost."""

GATHER_S = 0.4
"""Records wait so long to be committed with others, and up to SYNC_S more for the drain to look: half a second."""

SETTLE_S = 5.0
"""Readers of the trail wait so long for the records that came before; so does the server when it stops."""

POLL_S = 0.005
"""Between two looks of theirs."""


class SpoolDrain:
    """A thread with a connection of its own, for nobody else must wait for a database that is away. `close()` it.

    With `gather_s`, records wait that long for more to come: a transaction costs the same for one as for a hundred.
    """

    def __init__(self, engine: Engine, spool: AuditSpool, *, gather_s: float = 0.0) -> None:
        self._writer = AuditWriter(engine)
        self._spool = spool
        self._gather_s = gather_s
        self._closing = False
        self._requested = Event()
        self._thread = Thread(target=self._run, name="audit-drain", daemon=True)
        self._thread.start()

    async def settled(self, timeout_s: float) -> None:
        """Wait until what waits now is in the database.

        Raises:
            DatabaseUnavailableError: that takes longer.
        """
        upto = self._spool.newest
        self._requested.set()
        try:
            async with asyncio.timeout(timeout_s):
                while self._spool.is_waiting(upto):  # noqa: ASYNC110 - a thread each would be lacking elsewhere in an outage
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            raise DatabaseUnavailableError("records of the audit trail still wait for the database") from None

    def close(self) -> None:
        """Stop after the segment that is being committed; the others wait for the next start."""
        self._closing = True
        self._requested.set()
        self._thread.join()
        self._writer.disconnect()

    def _run(self) -> None:
        draining, fails = ConditionLog(_log, "the audit spool can't be drained into the database"), False
        while not self._closing:
            try:
                self._drain()
                fails = False
                draining.succeeded()
            except Exception as error:  # noqa: BLE001 - the records are safe where they are, and are retried
                self._writer.disconnect()
                fails = True
                draining.failed(describe_failure(error))
            self._requested.wait(RETRY_S if fails or not self._gather_s else SYNC_S)

    def _drain(self) -> None:
        """Commit what has waited for `gather_s`, or everything if that was requested."""
        gather_s = self._gather_s
        if self._requested.is_set():  # a request that comes after this is seen at the next look
            self._requested.clear()
            gather_s = 0.0
        self._spool.sync()
        while not self._closing and (segment := self._spool.oldest(gather_s)) is not None:
            self._writer.commit_spooled(segment, partial(self._spool.note_attempt, segment.number))
            self._spool.drop(segment.number)
            gather_s = self._gather_s
