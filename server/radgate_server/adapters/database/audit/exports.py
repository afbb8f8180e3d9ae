"""How far those have got who keep the audit trail too."""

from collections.abc import Sequence

from sqlalchemy import Connection, and_, func, insert, or_, select, text, update
from sqlalchemy.exc import IntegrityError

from radgate_server.adapters.database.audit.trail import NUMBERS_PER_READ, RECORD_COLUMNS, read_record
from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.schema.audit_export import audit_export_holders, audit_exports
from radgate_server.adapters.database.schema.tables import audit_entries, audit_heads
from radgate_server.core.audit.ports.export import Backlog
from radgate_server.core.audit.verification import StoredRecord

# Records from before the chain (sequence 0) are not handed on: nobody vouches for their order.
_FOLLOWING = text(
    f"SELECT {', '.join(RECORD_COLUMNS)} FROM {audit_entries.name}"  # noqa: S608
    " WHERE tenant_id = :tenant_id AND number > :after AND number <= :upto AND sequence > 0 ORDER BY number LIMIT :most"
)


class SqlExportPositions:
    """ExportPositions in the tables `audit_exports` and `audit_export_holders`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def backlogs(self, receiver: str) -> Sequence[Backlog]:
        """The tenants of whom it lacks something."""
        known = and_(audit_exports.c.tenant_id == audit_heads.c.tenant_id, audit_exports.c.receiver == receiver)
        sequence = func.coalesce(audit_exports.c.sequence, 0)
        query = (
            select(audit_heads.c.tenant_id, sequence, func.coalesce(audit_exports.c.number, 0))
            .outerjoin(audit_exports, known)
            .where(sequence < audit_heads.c.sequence)
            .order_by(audit_heads.c.tenant_id)
        )
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return [Backlog(*row) for row in rows]

    async def claim(self, receiver: str, holder: str, now_s: float, until_s: float) -> bool:
        """Be the only one who sends to it until then; False when another holder is that."""
        return await self._database.write(lambda connection: _claim(connection, receiver, holder, now_s, until_s))

    async def following(self, backlog: Backlog, limit: int) -> Sequence[StoredRecord]:
        """The next records of the tenant's chain, in order."""
        return await self._database.read(lambda connection: _following(connection, backlog, limit))

    async def advance(self, receiver: str, tenant_id: str, last: StoredRecord) -> None:
        """It has all up to that one."""
        await self._database.write(lambda connection: _advance(connection, receiver, tenant_id, last))


def _claim(connection: Connection, receiver: str, holder: str, now_s: float, until_s: float) -> bool:
    table = audit_export_holders
    mine = and_(table.c.receiver == receiver, or_(table.c.holder == holder, table.c.until_s < now_s))
    if connection.execute(update(table).where(mine).values(holder=holder, until_s=until_s)).rowcount:
        return True
    if connection.scalar(select(table.c.holder).where(table.c.receiver == receiver)) is not None:
        return False
    try:
        with connection.begin_nested():
            connection.execute(insert(table).values(receiver=receiver, holder=holder, until_s=until_s))
    except IntegrityError:  # another server was faster
        return False
    return True


def _following(connection: Connection, backlog: Backlog, limit: int) -> Sequence[StoredRecord]:
    """A tenant's numbers become visible in their order (audit_writer.py), so none can come later than one after it.

    Others' records may lie between, as many as they like; they are stepped over first.
    """
    entry = audit_entries.c
    newer = and_(entry.tenant_id == backlog.tenant_id, entry.number > backlog.number, entry.sequence > 0)
    first = connection.scalar(select(entry.number).where(newer).order_by(entry.number).limit(1))
    if first is None:
        return ()
    values = {"tenant_id": backlog.tenant_id, "after": first - 1, "upto": first + NUMBERS_PER_READ, "most": limit}
    return [read_record(row) for row in connection.execute(_FOLLOWING, values)]


def _advance(connection: Connection, receiver: str, tenant_id: str, last: StoredRecord) -> None:
    here = and_(audit_exports.c.receiver == receiver, audit_exports.c.tenant_id == tenant_id)
    reached = {"sequence": last.sequence, "number": last.number}
    if not connection.execute(update(audit_exports).where(here).values(**reached)).rowcount:
        connection.execute(insert(audit_exports).values(receiver=receiver, tenant_id=tenant_id, **reached))
