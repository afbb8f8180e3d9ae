"""Brings what waits in the spool to the database, in order, each record once."""

import logging
from functools import partial
from threading import Event, Thread

from sqlalchemy import Engine

from radgate_server.adapters.database.audit_writer import AuditWriter
from radgate_server.adapters.database.database import describe
from radgate_server.core.ports.audit_spool import AuditSpool

_log = logging.getLogger(__name__)

RETRY_S = 1.0
"""Between two looks at the spool, and two attempts at a database that is away."""


class SpoolDrain:
    """A thread with a connection of its own, for the writer must not wait for a database that is away. `close()` it."""

    def __init__(self, engine: Engine, spool: AuditSpool) -> None:
        self._writer = AuditWriter(engine)
        self._spool = spool
        self._closing = Event()
        self._thread = Thread(target=self._run, name="audit-drain", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End with the segment that is being written; the others wait for the next start."""
        self._closing.set()
        self._thread.join()
        self._writer.disconnect()

    def _run(self) -> None:
        told = False
        while not self._closing.is_set():
            try:
                if self._drain_one():
                    continue
                if told:
                    _log.warning("the audit trail's database is back; the spool is drained")
                told = False
            except Exception as error:  # noqa: BLE001 - the records are safe where they are, and are tried again
                self._writer.disconnect()
                if not told:
                    _log.warning("the audit spool can't be drained yet: %s", describe(error))
                told = True
            self._closing.wait(RETRY_S)

    def _drain_one(self) -> bool:
        """Bring the oldest segment to the database; False when nothing waits."""
        segment = self._spool.oldest()
        if segment is None:
            return False
        self._writer.commit_spooled(segment, partial(self._spool.note_attempt, segment.number))
        self._spool.drop(segment.number)
        return True
