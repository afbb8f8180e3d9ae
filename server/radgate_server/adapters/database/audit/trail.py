"""The audit trail's reading end, and its checkpoints."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, Select, TextClause, func, insert, select, text

from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.schema.tables import audit_checkpoints, audit_entries, audit_heads
from radgate_server.core.audit.chain import FIRST_WORDS, WORDS, ChainHead, words_in_form
from radgate_server.core.audit.checkpoint import Checkpoint
from radgate_server.core.audit.ports.trail import IssueCheckpoint, Visit
from radgate_server.core.audit.verification import StoredRecord

NUMBERS_PER_READ = 4096
"""Each read looks at so many numbers, whoever's records they are, so that none takes long on a large table."""

_HEAD = select(*(audit_heads.c[name] for name in ("tenant_id", "sequence", "record_hash", "time_us")))
_CHECKPOINT_COLUMNS = ("tenant_id", "sequence", "record_hash", "time_us", "previous_hash", "key_id", "signature")
_CHECKPOINT = select(*(audit_checkpoints.c[name] for name in _CHECKPOINT_COLUMNS)).order_by(audit_checkpoints.c.number)
_PLACE = ("number", "sequence", "record_hash", "time_us", "size_bytes", "erased_by")
RECORD_COLUMNS = (*_PLACE, *WORDS)
# As text: SQLAlchemy's look at each value of each row would take longer than the hash.
_RECORD = f"SELECT {', '.join(RECORD_COLUMNS)} FROM {audit_entries.name} WHERE number > :after AND number <= :upto"  # noqa: S608
_ANY = text(f"{_RECORD} ORDER BY number")
_OF_TENANT = text(f"{_RECORD} AND tenant_id = :tenant_id ORDER BY number")


class SqlAuditTrail:
    """AuditTrail in the tables that SqlAuditSink writes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def heads(self) -> Sequence[ChainHead]:
        """Where each tenant's chain ends."""
        rows = await self._database.read(lambda connection: connection.execute(_HEAD).all())
        return [_head(row) for row in rows]

    async def last_number(self) -> int:
        """The number of the newest record, 0 when there is none."""
        newest = select(func.max(audit_entries.c.number))
        return await self._database.read(lambda connection: connection.scalar(newest)) or 0

    async def scan(self, visit: Visit, *, tenant_id: str | None = None, after: int = 0, upto: int) -> None:
        """Show all records (of the tenant) with numbers above `after` up to `upto`."""
        for start in range(after, upto, NUMBERS_PER_READ):
            end = min(start + NUMBERS_PER_READ, upto)
            query = _ANY if tenant_id is None else _OF_TENANT.bindparams(tenant_id=tenant_id)
            query = query.bindparams(after=start, upto=end)
            await self._database.read(partial(_visit, query=query, visit=visit))

    async def checkpoints(self, tenant_id: str | None = None) -> Sequence[Checkpoint]:
        """All (of the tenant), in the order of their making."""
        query = _CHECKPOINT if tenant_id is None else _CHECKPOINT.where(audit_checkpoints.c.tenant_id == tenant_id)
        return await self._database.read(lambda connection: _read_checkpoints(connection, query))

    async def last_checkpoints(self) -> Sequence[Checkpoint]:
        """The newest one of each tenant."""
        newest = select(func.max(audit_checkpoints.c.number)).group_by(audit_checkpoints.c.tenant_id)
        query = _CHECKPOINT.where(audit_checkpoints.c.number.in_(newest))
        return await self._database.read(lambda connection: _read_checkpoints(connection, query))

    async def add_checkpoint(self, tenant_id: str, issue: IssueCheckpoint) -> Checkpoint | None:
        """Keep what `issue` makes of the head and the last checkpoint; nobody else adds one meanwhile."""
        return await self._database.write(lambda connection: _add_checkpoint(connection, tenant_id, issue))


def _visit(connection: Connection, query: TextClause, visit: Visit) -> None:
    # The driver's own rows: SQLAlchemy's are looked into in Python, column by column.
    visit([read_record(row) for row in connection.execute(query).cursor.fetchall()])


def _add_checkpoint(connection: Connection, tenant_id: str, issue: IssueCheckpoint) -> Checkpoint | None:
    # Whoever writes to the chain meanwhile waits: for as long as a signature and an insertion take.
    row = connection.execute(_HEAD.where(audit_heads.c.tenant_id == tenant_id).with_for_update()).one_or_none()
    if row is None:
        return None
    of_tenant = _CHECKPOINT.where(audit_checkpoints.c.tenant_id == tenant_id)
    newest = of_tenant.order_by(None).order_by(audit_checkpoints.c.number.desc()).limit(1)
    made = issue(_head(row), next(iter(_read_checkpoints(connection, newest)), None))
    if made is not None:
        values = {name: getattr(made, name) for name in _CHECKPOINT_COLUMNS}
        connection.execute(insert(audit_checkpoints).values(**values))
    return made


def read_record(row: Sequence[Any]) -> StoredRecord:
    """A row of RECORD_COLUMNS. A record in an older form lacks the last words, which are null."""
    number, sequence, own_hash, time_us, size_bytes, erased_by, *words = row
    if None in words[len(FIRST_WORDS) :]:
        words = words_in_form(words)
    return StoredRecord(number, sequence, own_hash, time_us, size_bytes, tuple(words), erased_by)


def _head(row: Row[Any]) -> ChainHead:
    return ChainHead(row.tenant_id, row.sequence, bytes(row.record_hash), row.time_us)


def _read_checkpoints(connection: Connection, query: Select[Any]) -> Sequence[Checkpoint]:
    return [Checkpoint(**row) for row in connection.execute(query).mappings()]
