"""The audit trail's writing end that waits for no database: records go by way of this server's spool."""

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress

from radgate_server.adapters.database.audit.drain import GATHER_S, SETTLE_S, SpoolDrain
from radgate_server.adapters.database.connection.database import Database
from radgate_server.core.audit.chain import content_of
from radgate_server.core.audit.ports.spool import AuditSpool, SpoolState
from radgate_server.core.audit.record import AuditEntry
from radgate_server.core.errors import AuditUnavailableError, DatabaseUnavailableError, SpoolFullError

_log = logging.getLogger(__name__)


class SpooledAuditSink:
    """AuditSink that writes records to the spool; the drain commits them to `audit_entries` within GATHER_S or so.

    A record is written to a file in the caller's thread, in some microseconds: no other thread is woken, no future
    made, no disk waited for. `close()` it before its database.
    """

    def __init__(self, database: Database, spool: AuditSpool) -> None:
        self._spool = spool
        self._drain = SpoolDrain(database.engine, spool, gather_s=GATHER_S)
        self._recorded: Counter[tuple[str, str]] = Counter()
        self._closing = False

    async def record(self, entry: AuditEntry) -> None:
        """Record the access; returns when it is in the spool's file, where it outlives this process.

        Raises:
            AuditUnavailableError: the spool is full, or its disk fails.
        """
        if self._closing:
            raise AuditUnavailableError("the access could not be recorded")
        content = content_of(entry)
        try:
            self._spool.append([content])
        except SpoolFullError as error:
            _log.error("the audit trail can't be written: %s", error.message)
            raise AuditUnavailableError("the access could not be recorded") from None
        self._recorded[content.kind] += 1

    async def settle(self) -> None:
        """Have in the database what was recorded before.

        Raises:
            DatabaseUnavailableError: it is not there after SETTLE_S.
        """
        await self._drain.settled(SETTLE_S)

    @property
    def recorded(self) -> Mapping[tuple[str, str], int]:
        """Records that were written, by action and outcome; from any thread."""
        return dict(self._recorded)

    @property
    def waiting(self) -> int:
        """Callers that wait for their record: always 0."""
        return 0

    @property
    def lag_s(self) -> float:
        """For how many seconds the oldest caller has waited: always 0."""
        return 0.0

    @property
    def spooled(self) -> SpoolState:
        """What waits on this server's disk; from any thread."""
        return self._spool.state

    async def close(self) -> None:
        """Refuse new records, commit the waiting ones if the database answers within SETTLE_S, and stop the drain."""
        self._closing = True
        with suppress(DatabaseUnavailableError):  # the next start resumes
            await self._drain.settled(SETTLE_S)
        await asyncio.to_thread(self._drain.close)
