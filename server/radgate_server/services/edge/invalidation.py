"""Hands what is invalidated on to the edge: the feed of changes is the queue, one process at a time its reader."""

import hashlib
import secrets
from collections.abc import Collection

from radgate_server.core.access.ports.directory import ChangeFeed
from radgate_server.core.access.ports.feed_readers import FeedReaders
from radgate_server.core.audit.ports.trail import AuditSink
from radgate_server.core.audit.record import AuditAction, AuditEntry
from radgate_server.core.edge.invalidation import EdgeBatch, EdgePath, next_batch
from radgate_server.core.edge.ports import EdgeInvalidator, EdgeTelemetry
from radgate_server.core.errors import NotDeliveredError
from radgate_server.lib.clock import Clock
from radgate_server.services.repeating import Repeating

READER = "edge"
INTERVAL_S = 2.0
"""What is invalidated within that time goes together."""
_LEASE_S = 60.0
_LONGEST_WAIT_S = 60.0


class EdgeInvalidation(Repeating):
    """Begins where the last process ended. A batch that fails is sent again, with whatever has come since."""

    def __init__(
        self,
        feed: ChangeFeed,
        readers: FeedReaders,
        edge: EdgeInvalidator,
        audit: AuditSink,
        telemetry: EdgeTelemetry,
        clock: Clock,
        *,
        tenants: Collection[str],
    ) -> None:
        super().__init__(
            "edge-invalidation",
            interval_s=INTERVAL_S,
            longest_wait_s=_LONGEST_WAIT_S,
            trouble="the edge keeps what was invalidated",
        )
        self._feed = feed
        self._readers = readers
        self._edge = edge
        self._audit = audit
        self._telemetry = telemetry
        self._clock = clock
        self._tenants = frozenset(tenants)
        self._holder = secrets.token_hex(8)
        self._seen = -1

    async def look(self) -> None:
        """Hand on what has changed since.

        Raises:
            NotDeliveredError: the edge does not take it.
            AuditUnavailableError, DatabaseUnavailableError: it is handed on again; the edge knows it by its reference.
        """
        last = await self._feed.last_change()
        if last == self._seen:
            return
        sequence = await self._readers.claim(READER, self._holder, _LEASE_S)
        if sequence is None:
            return
        changes = await self._feed.changes_after(sequence)
        self._telemetry.edge_changes_pending(len(changes))
        if batch := next_batch(changes, self._tenants):
            await self._send(sequence, batch)
            sequence = batch.sequence
        await self._readers.advance(READER, self._holder, sequence)
        self._telemetry.edge_changes_pending(sum(change.sequence > sequence for change in changes))
        self._seen = sequence

    async def _send(self, after: int, batch: EdgeBatch) -> None:
        if not batch.paths:
            return
        wildcards = [path.wildcard for path in batch.paths]
        mark = (await self._feed.epoch(batch.sequence)).mark
        text = "\n".join((str(after), str(batch.sequence), mark, *wildcards))
        try:
            await self._edge.invalidate(wildcards, f"radgate-{hashlib.sha256(text.encode()).hexdigest()[:32]}")
        except NotDeliveredError:
            self._telemetry.edge_invalidation_failed()
            raise
        self._telemetry.edge_invalidated(len(wildcards))
        for path in batch.paths:
            await self._audit.record(self._entry(path))

    def _entry(self, path: EdgePath) -> AuditEntry:
        return AuditEntry(
            time=self._clock.now(),
            tenant_id=path.tenant_id,
            key_id=READER,
            role="",
            action=AuditAction.CONFIGURE,
            study_instance_uid=path.study_instance_uid,
            series_instance_uid=path.series_instance_uid,
            sop_instance_uid=path.sop_instance_uid,
            address="",
            user_agent="",
            request_id="",
            detail="invalidate the edge",
        )
