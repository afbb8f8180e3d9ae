"""How long records are kept, and what is held, in the database."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.schema.retention import legal_holds, retention_rules
from radgate_server.adapters.database.schema.tables import audit_heads
from radgate_server.core.audit.retention import HoldSubject, LegalHold, RecordKind
from radgate_server.core.errors import ResourceNotFoundError

_FIELDS = tuple(column.name for column in legal_holds.columns)
_HOLD = select(legal_holds)


class SqlRetentionRules:
    """RetentionRules in the table `retention_rules`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def days(self, tenant_id: str) -> Mapping[RecordKind, int]:
        """For how many days the tenant's records are kept, of the kinds for which it has a rule."""
        query = select(retention_rules.c.kind, retention_rules.c.days).where(retention_rules.c.tenant_id == tenant_id)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return {RecordKind(row.kind): row.days for row in rows}

    async def set_days(self, tenant_id: str, kind: RecordKind, days: int | None) -> None:
        """Put the rule in place of the one that is there; None takes it away."""
        place = (retention_rules.c.tenant_id == tenant_id, retention_rules.c.kind == kind.value)

        def write(connection: Connection) -> None:
            connection.execute(delete(retention_rules).where(*place))
            if days is not None:
                values = {"tenant_id": tenant_id, "kind": kind.value, "days": days}
                connection.execute(insert(retention_rules).values(**values))

        await self._database.write(write)


class SqlHoldDirectory:
    """HoldDirectory in the table `legal_holds`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def place(self, hold: LegalHold) -> None:
        """Add it. Whoever erases records of the tenant has ended before, or sees it."""
        values = {name: getattr(hold, name) for name in _FIELDS}

        def write(connection: Connection) -> None:
            lock_chain(connection, hold.tenant_id)
            connection.execute(insert(legal_holds).values(**values))

        await self._database.write(write)

    async def release(self, tenant_id: str, hold_id: str, *, by: str, time: datetime, reason: str) -> LegalHold:
        """End it. Raises ResourceNotFoundError: the tenant has none of that id in force."""
        place = (legal_holds.c.tenant_id == tenant_id, legal_holds.c.hold_id == hold_id)
        ended = update(legal_holds).where(*place, legal_holds.c.release_time.is_(None))

        def write(connection: Connection) -> LegalHold:
            if not connection.execute(ended.values(released_by=by, release_time=time, release_reason=reason)).rowcount:
                raise ResourceNotFoundError("the tenant has no legal hold of that id in force")
            return _holds(connection.execute(_HOLD.where(*place)).mappings().all())[0]

        return await self._database.write(write)

    async def list_holds(self, tenant_id: str, *, released: bool = False) -> Sequence[LegalHold]:
        """Those of the tenant that are in force, with `released` all; the first placed first."""
        return await self._database.read(lambda connection: read_holds(connection, tenant_id, released=released))


def lock_chain(connection: Connection, tenant_id: str) -> None:
    """Let nobody continue the tenant's chain until the transaction ends. SQLite has one writer at a time anyway."""
    connection.execute(select(audit_heads.c.sequence).where(audit_heads.c.tenant_id == tenant_id).with_for_update())


def read_holds(connection: Connection, tenant_id: str, *, released: bool = False) -> Sequence[LegalHold]:
    """As `list_holds`."""
    query = _HOLD.where(legal_holds.c.tenant_id == tenant_id)
    if not released:
        query = query.where(legal_holds.c.release_time.is_(None))
    ordered = query.order_by(legal_holds.c.place_time, legal_holds.c.hold_id)
    return _holds(connection.execute(ordered).mappings().all())


def _holds(rows: Sequence[RowMapping]) -> Sequence[LegalHold]:
    return [LegalHold(**{**row, "subject": HoldSubject(row["subject"])}) for row in rows]
