"""Brings what waits in the spool to the database, in order, each record once."""

import logging
from functools import partial
from threading import Event, Thread

from sqlalchemy import Engine

from radgate_server.adapters.database.audit_writer import AuditWriter
from radgate_server.core.condition_log import ConditionLog
from radgate_server.core.failure_text import describe_failure
from radgate_server.core.ports.audit_spool import AuditSpool
from radgate_server.core.quick_audit import until_settled

_log = logging.getLogger(__name__)

RETRY_S = 1.0
"""Between two attempts at a database that is away, and two looks at a spool that is used only then."""

SYNC_S = 0.1
"""Records that gather are on the disk after so long, or when the commit is over that goes on meanwhile."""

GATHER_S = 0.4
"""Records wait so long for others to go with, and up to SYNC_S more for the drain to look: half a second."""


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
        upto = self.hurry()
        await until_settled(lambda: not self._spool.is_waiting(upto), timeout_s)

    def hurry(self) -> int:
        """Let what waits now go at once; the segment with which it is gone. From any thread."""
        upto = self._spool.newest
        self._hurry.set()
        return upto

    def close(self) -> None:
        """End with the segment that is being written; the others wait for the next start."""
        self._closing = True
        self._hurry.set()
        self._thread.join()
        self._writer.disconnect()

    def _run(self) -> None:
        draining, fails = ConditionLog(_log, "the audit spool can't be drained into the database"), False
        while not self._closing:
            try:
                self._drain()
                fails = False
                draining.succeeded()
            except Exception as error:  # noqa: BLE001 - the records are safe where they are, and are tried again
                self._writer.disconnect()
                fails = True
                draining.failed(describe_failure(error))
            self._hurry.wait(RETRY_S if fails or not self._gather_s else SYNC_S)

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
