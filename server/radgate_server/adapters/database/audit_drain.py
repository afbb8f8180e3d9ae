"""Brings what waits in the spool to the database, in order, each record once."""

import asyncio
import logging
from functools import partial
from threading import Event, Thread

from sqlalchemy import Engine

from radgate_server.adapters.database.audit_writer import AuditWriter
from radgate_server.adapters.database.database import describe
from radgate_server.core.errors import DatabaseUnavailableError
from radgate_server.core.ports.audit_spool import AuditSpool

_log = logging.getLogger(__name__)

RETRY_S = 1.0
"""Between two attempts at a database that is away, and two looks at a spool that is used only then."""

SYNC_S = 0.1
"""Records that gather are on the disk after so long, or when the commit is over that goes on meanwhile."""

SETTLE_S = 5.0
"""Who reads the trail waits so long for the records that came before; so does the server when it stops."""

LOOK_S = 0.005
"""Between two looks of theirs. No thread waits for them: when the database is away, others need those."""


class SpoolDrain:
    """A thread with a connection of its own, for nobody else must wait for a database that is away. `close()` it.

    With `gather_s`, records get that long to become more before they go: a transaction costs the same for one as for
    a hundred.
    """

    def __init__(self, engine: Engine, spool: AuditSpool, *, gather_s: float = 0.0) -> None:
        self._writer = AuditWriter(engine)
        self._spool = spool
        self._gather_s = gather_s
        self._closing = False
        self._hurry = Event()
        self._thread = Thread(target=self._run, name="audit-drain", daemon=True)
        self._thread.start()

    async def settled(self, timeout_s: float) -> None:
        """Wait until what waits now is in the database.

        Raises:
            DatabaseUnavailableError: that takes longer.
        """
        upto = self._spool.newest
        self._hurry.set()
        try:
            async with asyncio.timeout(timeout_s):
                while self._spool.is_waiting(upto):  # noqa: ASYNC110 - who drains is a thread and knows no loop
                    await asyncio.sleep(LOOK_S)
        except TimeoutError:
            raise DatabaseUnavailableError("records of the audit trail still wait for the database") from None

    def close(self) -> None:
        """End with the segment that is being written; the others wait for the next start."""
        self._closing = True
        self._hurry.set()
        self._thread.join()
        self._writer.disconnect()

    def _run(self) -> None:
        trouble = ""
        while not self._closing:
            try:
                self._drain()
                if trouble:
                    _log.warning("the audit trail's database is back; the spool is drained")
                trouble = ""
            except Exception as error:  # noqa: BLE001 - the records are safe where they are, and are tried again
                self._writer.disconnect()
                if trouble != (trouble := describe(error)):
                    _log.warning("the audit spool can't be drained yet: %s", trouble)
            self._hurry.wait(RETRY_S if trouble or not self._gather_s else SYNC_S)

    def _drain(self) -> None:
        """Bring to the database what has waited long enough, and what is in a hurry."""
        gather_s = self._gather_s
        if self._hurry.is_set():  # whoever comes after this has it set when we look again
            self._hurry.clear()
            gather_s = 0.0
        self._spool.sync()
        while not self._closing and (segment := self._spool.oldest(gather_s)) is not None:
            self._writer.commit_spooled(segment, partial(self._spool.note_attempt, segment.number))
            self._spool.drop(segment.number)
            gather_s = self._gather_s
