"""The feed of changes, kept short without losing news for anyone."""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Connection, and_, delete, func, insert, or_, select, text

from radgate_server.adapters.database.access_history import forget_accesses
from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.prefetch.outcomes import forget_prefetched
from radgate_server.adapters.database.schema.tables import changes
from radgate_server.adapters.database.servers.holders import drop_claims
from radgate_server.core.access.ports.directory import (
    CHANGES_KEPT,
    DROPPING,
    RECONFIGURING,
    Change,
    ChangeKind,
    FeedEpoch,
)


class SqlChangeFeed:
    """ChangeFeed in the table `changes`."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    async def changes_after(self, sequence: int) -> Sequence[Change]:
        """Changes with a higher sequence number, in order; of those to the same thing only the last."""
        return await self._database.read(lambda connection: _changes_after(connection, sequence))

    async def epoch(self, sequence: int) -> FeedEpoch:
        """The feed as seen from the change with this number: its time is its mark."""
        return await self._database.read(lambda connection: _epoch(connection, sequence))

    async def last_change(self) -> int:
        """The newest change's sequence number, 0 when there is none."""
        return await self._database.read(
            lambda connection: connection.scalar(select(func.max(changes.c.sequence))) or 0
        )

    async def last_invalidation(self, tenant_id: str, study_instance_uid: str) -> int:
        """The newest number of a change by which what was cached of the study (""; of any) became invalid, or 0."""
        return await self._database.read(
            lambda connection: _last_invalidation(connection, tenant_id, study_instance_uid)
        )

    async def announce_invalidation(
        self, tenant_id: str, study_instance_uid: str, kind: ChangeKind = ChangeKind.CACHE, part: str = ""
    ) -> None:
        """Notify all processes to drop what they cache for the tenant, or for one study when not ""."""
        now = self._now()

        def write(connection: Connection) -> None:
            drop_claims(connection, tenant_id, study_instance_uid or None)
            if kind is ChangeKind.ERASURE:
                forget_accesses(connection, tenant_id, study_instance_uid)
                forget_prefetched(connection, tenant_id, study_instance_uid)
            record_change(connection, now, kind, tenant_id, study_instance_uid, part)

        await self._database.write(write)


def record_change(
    connection: Connection, now: datetime, kind: ChangeKind, tenant_id: str, subject: str, part: str = ""
) -> None:
    """Write the change in the transaction that makes it.

    An earlier change to the same thing goes: whoever has not read it will read this one. So the feed is as long as
    there are things, not as there are changes.
    """
    _queue_up(connection)
    thing = {"kind": kind, "tenant_id": tenant_id, "subject": subject, "part": part}
    same_thing = [changes.c[name] == value for name, value in thing.items()]
    connection.execute(insert(changes).values(time=now, **thing))
    newest = connection.scalar(select(func.max(changes.c.sequence)))
    connection.execute(delete(changes).where(*same_thing, changes.c.sequence < newest))
    connection.execute(delete(changes).where(changes.c.time < now - CHANGES_KEPT, changes.c.sequence < newest))


def _queue_up(connection: Connection) -> None:
    """Have changes committed in the order of their numbers, or a reader could miss a lower one that commits later.

    SQLite has one writer at a time anyway. The lock lets readers read, and ends with the transaction.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE changes IN SHARE ROW EXCLUSIVE MODE"))


def _epoch(connection: Connection, sequence: int) -> FeedEpoch:
    last = connection.scalar(select(func.max(changes.c.sequence))) or 0
    time = connection.scalar(select(changes.c.time).where(changes.c.sequence == sequence))
    return FeedEpoch(last, time.isoformat() if time else "")


def _last_invalidation(connection: Connection, tenant_id: str, study_instance_uid: str) -> int:
    dropped = [changes.c.kind.in_(DROPPING), changes.c.tenant_id == tenant_id]
    if study_instance_uid:
        dropped.append(changes.c.subject.in_((study_instance_uid, "")))
    reconfigured = and_(changes.c.kind.in_(RECONFIGURING), changes.c.tenant_id == tenant_id)
    newest = select(func.max(changes.c.sequence)).where(or_(and_(*dropped), reconfigured))
    return connection.scalar(newest) or 0


def _changes_after(connection: Connection, sequence: int) -> Sequence[Change]:
    query = (
        select(changes.c.sequence, changes.c.kind, changes.c.tenant_id, changes.c.subject, changes.c.part)
        .where(changes.c.sequence > sequence)
        .order_by(changes.c.sequence)
    )
    return tuple(
        Change(row.sequence, ChangeKind(row.kind), row.tenant_id, row.subject, row.part)
        for row in connection.execute(query)
    )
