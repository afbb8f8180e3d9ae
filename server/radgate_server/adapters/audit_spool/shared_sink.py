"""The audit trail's writing end that hands records to a process of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from radgate_server.adapters.audit_spool.recorder_process import RecorderProcess
from radgate_server.adapters.audit_spool.ring import RING_BYTES, Ring
from radgate_server.adapters.audit_spool.ring_file import is_left, open_ring, remove_ring
from radgate_server.adapters.audit_spool.terms import Terms
from radgate_server.core.ports.audit_spool import SpoolState
from radgate_server.core.quick_audit import SETTLE_S, QuickAuditSink, until_settled


class SharedAuditSink(QuickAuditSink):
    """AuditSink that puts records into memory which it shares with a recorder (docs/adr/0033-recorder.md).

    From there they are in a file some milliseconds later, and in the database within half a second. Neither the
    server's death nor the recorder's loses any, nor that of both: the next start finds the memory. `close()` it.
    """

    def __init__(self, ring: Ring, recorder: RecorderProcess) -> None:
        super().__init__(ring.put)
        self._ring = ring
        self._recorder = recorder

    async def settle(self) -> None:
        """Have in the database what was recorded before.

        Raises:
            DatabaseUnavailableError: it is not there after SETTLE_S.
        """
        position = self._ring.ask()
        self._recorder.wake()
        await until_settled(lambda: self._ring.settled >= position, SETTLE_S)

    @property
    def recorder_pid(self) -> int:
        """The recorder's process."""
        return self._recorder.pid

    @property
    def lag_s(self) -> float:
        """For how many seconds the recorder has left lie what it was given; from any thread."""
        return self._ring.lag_s

    @property
    def spooled(self) -> SpoolState:
        """What waits on this server's disk; from any thread."""
        return self._ring.state

    async def close(self) -> None:
        """Refuse what comes now, bring to the database what waits as far as it can be had, and end the recorder."""
        self._closing = True
        await self._recorder.close()


@asynccontextmanager
async def shared_audit_sink(terms: Terms, memory_dir: Path) -> AsyncIterator[SharedAuditSink]:
    """One with a recorder of its own, and memory in `memory_dir`.

    Raises:
        ConfigurationError: that folder, the spool's folder or the database's URL can't be used.
    """
    ring = await asyncio.to_thread(open_ring, memory_dir, terms.folder)  # that may have to wait for an earlier server
    try:
        recorder = RecorderProcess(ring, terms)
        await recorder.start()
        sink = SharedAuditSink(ring, recorder)
        try:
            yield sink
        finally:
            await sink.close()
    finally:
        remove_ring(ring, terms.folder)


async def take_what_memory_holds(terms: Terms, memory_dir: Path) -> None:
    """Bring to the database what was left by a server that made use of memory and was killed with its recorder.

    Raises:
        ConfigurationError: as `shared_audit_sink` does.
        DatabaseUnavailableError: it is not there after SETTLE_S; it has not been lost.
    """
    if is_left(terms.folder):
        room = max(terms.limit_bytes, RING_BYTES)
        async with shared_audit_sink(replace(terms, limit_bytes=room), memory_dir) as sink:
            await sink.settle()
