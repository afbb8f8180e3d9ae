"""The index of the audit trail: which terms occur in which blocks of records. It is written after the records are.

Indexes on the trail itself would be pages to flush before every answer. This one is one statement for some hundred
records, in the database's own code, whenever somebody has time.
"""

from collections.abc import Iterable
from contextlib import suppress

from sqlalchemy import Connection, delete, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from radgate_server.adapters.database.database import Database
from radgate_server.adapters.database.schema import audit_entries, audit_heads, audit_index, audit_indexed
from radgate_server.core.audit_search import (
    BLOCK,
    BREAK_GLASS,
    EVERYTHING,
    TERM_KINDS,
    TERM_LENGTH,
    IndexPosition,
)

NUMBERS_PER_STEP = 512
"""Each step looks at so many numbers: for some milliseconds nothing else is written to SQLite."""

_ROWS = "FROM audit_entries WHERE tenant_id = :tenant_id AND number > :after AND number <= :upto"
_FIELD = "SELECT number, time_us, '{kind}:' || substr({field}, 1, {length}) AS term {rows} AND {field} <> ''"
_TERMS = " UNION ALL ".join(
    (
        f"SELECT number, time_us, '{EVERYTHING}' AS term {_ROWS}",
        f"SELECT number, time_us, '{BREAK_GLASS}' AS term {_ROWS} AND detail LIKE '%{BREAK_GLASS}%'",
        *(
            _FIELD.format(kind=kind, field=field, length=TERM_LENGTH, rows=_ROWS)
            for kind, fields in TERM_KINDS.items()
            for field in fields
        ),
    )
)
_STEP = text(
    "INSERT INTO audit_index (tenant_id, term, block, first_us, last_us)"  # noqa: S608
    f" SELECT :tenant_id, term, number / {BLOCK} AS block, MIN(time_us), MAX(time_us) FROM ({_TERMS}) AS terms"
    " WHERE true GROUP BY term, block"
    " ON CONFLICT (tenant_id, term, block) DO UPDATE SET"
    " first_us = CASE WHEN excluded.first_us < audit_index.first_us THEN excluded.first_us"
    " ELSE audit_index.first_us END,"
    " last_us = CASE WHEN excluded.last_us > audit_index.last_us THEN excluded.last_us"
    " ELSE audit_index.last_us END"
)


class SqlAuditIndex:
    """Writes the tables `audit_index` and `audit_indexed`. Servers that do so at once wait for one another."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tenants(self) -> list[str]:
        """Those of whom there are records that the index does not know."""
        query = (
            select(audit_heads.c.tenant_id)
            .outerjoin(audit_indexed, audit_indexed.c.tenant_id == audit_heads.c.tenant_id)
            .where(func.coalesce(audit_indexed.c.sequence, 0) < audit_heads.c.sequence)
        )
        return list(await self._database.read(lambda connection: connection.scalars(query).all()))

    async def advance(self, tenant_id: str) -> IndexPosition:
        """Take some more records of the tenant into the index, if there are any."""
        position = await self._database.read(lambda connection: _position(connection, tenant_id))
        if not position.is_behind:
            return position
        return await self._database.write(lambda connection: _advance(connection, tenant_id))


def index_again(connection: Connection, tenant_id: str, numbers: Iterable[int]) -> None:
    """Make the index anew around the tenant's records of these numbers, whose content is another now."""
    indexed, _ = _lock(connection, tenant_id)
    for block in sorted({number // BLOCK for number in numbers}):
        here = (audit_index.c.tenant_id == tenant_id, audit_index.c.block == block)
        connection.execute(delete(audit_index).where(*here))
        upto = min((block + 1) * BLOCK - 1, indexed)
        connection.execute(_STEP, {"tenant_id": tenant_id, "after": block * BLOCK - 1, "upto": upto})


def _advance(connection: Connection, tenant_id: str) -> IndexPosition:
    """A tenant's numbers become visible in their order (audit_writer.py), so none can come later than one after it."""
    number, _ = _lock(connection, tenant_id)
    newer = audit_entries.c.tenant_id == tenant_id, audit_entries.c.number > number
    following = select(audit_entries.c.number).where(*newer).order_by(audit_entries.c.number).limit(1)
    if (start := connection.scalar(following)) is not None:  # others' records may lie between, as many as they like
        upto = start + NUMBERS_PER_STEP - 1
        connection.execute(_STEP, {"tenant_id": tenant_id, "after": start - 1, "upto": upto})
        reached = connection.execute(
            select(func.max(audit_entries.c.number), func.max(audit_entries.c.sequence)).where(
                *newer, audit_entries.c.number <= upto
            )
        ).one()
        here = audit_indexed.c.tenant_id == tenant_id
        connection.execute(update(audit_indexed).where(here).values(number=reached[0], sequence=reached[1]))
    return _position(connection, tenant_id)


def _lock(connection: Connection, tenant_id: str) -> tuple[int, int]:
    """Number and place of the last record that is indexed; until the transaction ends nobody else indexes any."""
    query = (
        select(audit_indexed.c.number, audit_indexed.c.sequence)
        .where(audit_indexed.c.tenant_id == tenant_id)
        .with_for_update()
    )
    if (row := connection.execute(query).one_or_none()) is None:
        with suppress(IntegrityError), connection.begin_nested():  # another server was faster: its row is as good
            connection.execute(insert(audit_indexed).values(tenant_id=tenant_id, number=0, sequence=0))
        row = connection.execute(query).one()
    return row.number, row.sequence


def _position(connection: Connection, tenant_id: str) -> IndexPosition:
    indexed = connection.execute(select(audit_indexed).where(audit_indexed.c.tenant_id == tenant_id)).one_or_none()
    newest = connection.scalar(select(audit_heads.c.sequence).where(audit_heads.c.tenant_id == tenant_id)) or 0
    return IndexPosition(indexed.number if indexed else 0, indexed.sequence if indexed else 0, newest)
