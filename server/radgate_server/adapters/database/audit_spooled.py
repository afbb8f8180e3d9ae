"""The audit trail's writing end that waits for no database: records go by way of this server's spool."""

import asyncio
from contextlib import suppress

from radgate_server.adapters.database.audit_drain import GATHER_S, SpoolDrain
from radgate_server.adapters.database.database import Database
from radgate_server.core.errors import DatabaseUnavailableError
from radgate_server.core.ports.audit_spool import AuditSpool, SpoolState
from radgate_server.core.quick_audit import SETTLE_S, QuickAuditSink


class SpooledAuditSink(QuickAuditSink):
    """AuditSink that keeps records in the spool, from where they follow to `audit_entries` within GATHER_S or so.

    A record is written to a file in the caller's thread, in some microseconds: no other thread is woken, no future
    made, no disk waited for. `close()` it before its database.
    """

    def __init__(self, database: Database, spool: AuditSpool) -> None:
        super().__init__(lambda content: spool.append([content]))
        self._spool = spool
        self._drain = SpoolDrain(database.engine, spool, gather_s=GATHER_S)

    async def settle(self) -> None:
        """Have in the database what was recorded before.

        Raises:
            DatabaseUnavailableError: it is not there after SETTLE_S.
        """
        await self._drain.settled(SETTLE_S)

    @property
    def lag_s(self) -> float:
        """Nobody waits."""
        return 0.0

    @property
    def spooled(self) -> SpoolState:
        """What waits on this server's disk; from any thread."""
        return self._spool.state

    async def close(self) -> None:
        """Refuse what comes now, bring to the database what waits as far as it can be had, and end the drain."""
        self._closing = True
        with suppress(DatabaseUnavailableError):  # the next start goes on
            await self._drain.settled(SETTLE_S)
        await asyncio.to_thread(self._drain.close)
