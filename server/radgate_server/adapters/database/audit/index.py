"""The index of the audit trail: which terms occur in which blocks of records. It is written after the records are.

Indexes on the trail itself would be pages to flush before every answer. This one is one statement for some hundred
records, in the database's own code, whenever somebody has time.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from sqlalchemy import Connection, TextClause, delete, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.schema.tables import audit_entries, audit_heads, audit_index, audit_indexed
from radgate_server.core.audit.search import (
    BLOCK,
    BREAK_GLASS_TERM,
    EVERYTHING,
    LISTED_KINDS,
    TERM_KINDS,
    TERM_LENGTH,
    IndexFault,
    IndexPosition,
    first_of_each_index,
)

NUMBERS_PER_STEP = 512
"""Each step looks at so many numbers: for some milliseconds nothing else is written to SQLite."""


_SPLIT = {
    # A record about a list has several values in one field (core/audit/studies_shown.py), by backslashes. SQLite: JSON
    # escapes them, and no other character as two of them.
    "sqlite": "json_each('[' || replace(json_quote({field}), '\\\\', '\",\"') || ']')",
    "postgresql": "unnest(string_to_array({field}, '\\'))",
}


_BY_BREAK_GLASS = f"(break_glass <> '' OR break_glass IS NULL AND detail LIKE '%{BREAK_GLASS_TERM}%')"
"""Records in an older canonical form have null there, and the reason in their detail."""


class _Statements(NamedTuple):
    """What differs by the kind of database."""

    step: TextClause
    differences_of_all: TextClause
    differences_of_one: TextClause


def _term(expression: str, condition: str) -> str:
    """A query for one term of each record in `records` that the condition holds for."""
    return f"SELECT tenant_id, number, time_us, {expression} AS term FROM records WHERE {condition}"  # noqa: S608


def _terms_of_lists(kind: str, field: str, dialect: str) -> str:
    """A query for one term of each value in a field."""
    values = _SPLIT[dialect].format(field=field)
    return (
        f"SELECT tenant_id, number, time_us, '{kind}:' || substr(part.value, 1, {TERM_LENGTH}) AS term"  # noqa: S608
        f" FROM records, {values} AS part{'(value)' if dialect == 'postgresql' else ''}"
        f" WHERE {field} <> '' AND part.value <> ''"
    )


def _entries(dialect: str) -> str:
    """A query for the index of the records in `records`."""
    terms = (
        _term(f"'{EVERYTHING}'", "true"),
        _term(f"'{BREAK_GLASS_TERM}'", _BY_BREAK_GLASS),
        *(
            _terms_of_lists(kind, field, dialect)
            if kind in LISTED_KINDS
            else _term(f"'{kind}:' || substr({field}, 1, {TERM_LENGTH})", f"{field} <> ''")
            for kind, fields in TERM_KINDS.items()
            for field in fields
        ),
    )
    return (
        f"SELECT tenant_id, term, number / {BLOCK} AS block, MIN(time_us) AS first_us, MAX(time_us) AS last_us"  # noqa: S608
        f" FROM ({' UNION ALL '.join(terms)}) AS terms WHERE true GROUP BY tenant_id, term, number / {BLOCK}"
    )


def _step(dialect: str) -> TextClause:
    return text(
        "INSERT INTO audit_index (tenant_id, term, block, first_us, last_us)"  # noqa: S608
        " WITH records AS (SELECT * FROM audit_entries"
        " WHERE tenant_id = :tenant_id AND number > :after AND number <= :upto)"
        f" {_entries(dialect)}"
        " ON CONFLICT (tenant_id, term, block) DO UPDATE SET"
        " first_us = CASE WHEN excluded.first_us < audit_index.first_us THEN excluded.first_us"
        " ELSE audit_index.first_us END,"
        " last_us = CASE WHEN excluded.last_us > audit_index.last_us THEN excluded.last_us"
        " ELSE audit_index.last_us END"
    )


def _differences(dialect: str, of_tenant: str = "") -> TextClause:
    """Entries that are not what the records give. One statement sees records and index as they were at one moment."""
    return text(
        "WITH records AS (SELECT entry.* FROM audit_entries AS entry JOIN audit_indexed"  # noqa: S608
        " ON audit_indexed.tenant_id = entry.tenant_id AND entry.number <= audit_indexed.number"
        f" WHERE entry.number >= :start AND entry.number < :end{of_tenant}),"
        f" wanted AS ({_entries(dialect)}),"
        " present AS (SELECT entry.tenant_id, entry.term, entry.block, entry.first_us, entry.last_us"
        " FROM audit_index AS entry"
        f" WHERE entry.block >= :start / {BLOCK} AND entry.block < :end / {BLOCK}{of_tenant}),"
        " lost AS (SELECT * FROM wanted EXCEPT SELECT * FROM present),"
        " strange AS (SELECT tenant_id, term, block FROM present EXCEPT SELECT tenant_id, term, block FROM wanted)"
        " SELECT tenant_id, block, 1, 0 FROM lost UNION ALL SELECT tenant_id, block, 0, 1 FROM strange"
    )


_STATEMENTS = {
    dialect: _Statements(
        _step(dialect), _differences(dialect), _differences(dialect, " AND entry.tenant_id = :tenant_id")
    )
    for dialect in _SPLIT
}


def _statements(connection: Connection) -> _Statements:
    return _STATEMENTS[connection.dialect.name]


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

    async def compare(self, *, tenant_id: str | None = None, after: int, upto: int) -> Sequence[IndexFault]:
        """Make the index of some records once more, and return how what is stored differs."""
        return await self._database.read(lambda connection: _compare(connection, tenant_id, after, upto))

    async def problem(self, tenant_id: str) -> str:
        """What a quick look at the tenant's index shows to be wrong."""
        return await self._database.read(lambda connection: _problem(connection, tenant_id))

    async def rebuild(self, tenant_id: str, start: int) -> int | None:
        """Write the index of some blocks of the tenant again."""
        return await self._database.write(lambda connection: _rebuild(connection, tenant_id, start))


def index_again(connection: Connection, tenant_id: str, numbers: Iterable[int]) -> None:
    """Make the index again around the tenant's records of these numbers, whose content is another now."""
    indexed, _ = _lock(connection, tenant_id)
    for block in sorted({number // BLOCK for number in numbers}):
        _index_blocks(connection, tenant_id, range(block, block + 1), indexed)


def _index_blocks(connection: Connection, tenant_id: str, blocks: range, indexed: int) -> None:
    """Write the entries of these blocks again, from the tenant's records up to number `indexed`."""
    here = (audit_index.c.tenant_id == tenant_id, audit_index.c.block.in_(blocks))
    before = _count(connection, tenant_id, blocks)
    connection.execute(delete(audit_index).where(*here))
    upto = min(blocks.stop * BLOCK - 1, indexed)
    connection.execute(
        _statements(connection).step, {"tenant_id": tenant_id, "after": blocks.start * BLOCK - 1, "upto": upto}
    )
    _add_entries(connection, tenant_id, _count(connection, tenant_id, blocks) - before)


def _count(connection: Connection, tenant_id: str, blocks: range) -> int:
    """How many entries these blocks have."""
    here = (audit_index.c.tenant_id == tenant_id, audit_index.c.block.in_(blocks))
    return connection.scalar(select(func.count()).select_from(audit_index).where(*here)) or 0


def _add_entries(connection: Connection, tenant_id: str, more: int) -> None:
    here = audit_indexed.c.tenant_id == tenant_id
    connection.execute(update(audit_indexed).where(here).values(entries=audit_indexed.c.entries + more))


def _advance(connection: Connection, tenant_id: str) -> IndexPosition:
    """A tenant's numbers become visible in their order (audit_writer.py), so none can come later than one after it."""
    number, _ = _lock(connection, tenant_id)
    newer = audit_entries.c.tenant_id == tenant_id, audit_entries.c.number > number
    following = select(audit_entries.c.number).where(*newer).order_by(audit_entries.c.number).limit(1)
    if (start := connection.scalar(following)) is not None:  # others' records may lie between, as many as they like
        # Read first: what becomes visible between two statements is left to the next step.
        upto, sequence = connection.execute(
            select(func.max(audit_entries.c.number), func.max(audit_entries.c.sequence)).where(
                *newer, audit_entries.c.number < start + NUMBERS_PER_STEP
            )
        ).one()
        blocks = range(start // BLOCK, upto // BLOCK + 1)
        before = _count(connection, tenant_id, blocks)
        connection.execute(_statements(connection).step, {"tenant_id": tenant_id, "after": start - 1, "upto": upto})
        _add_entries(connection, tenant_id, _count(connection, tenant_id, blocks) - before)
        here = audit_indexed.c.tenant_id == tenant_id
        connection.execute(update(audit_indexed).where(here).values(number=upto, sequence=sequence))
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
            connection.execute(insert(audit_indexed).values(tenant_id=tenant_id, number=0, sequence=0, entries=0))
        row = connection.execute(query).one()
    return row.number, row.sequence


def _position(connection: Connection, tenant_id: str) -> IndexPosition:
    indexed = connection.execute(select(audit_indexed).where(audit_indexed.c.tenant_id == tenant_id)).one_or_none()
    newest = connection.scalar(select(audit_heads.c.sequence).where(audit_heads.c.tenant_id == tenant_id)) or 0
    return IndexPosition(indexed.number if indexed else 0, indexed.sequence if indexed else 0, newest)


def _compare(connection: Connection, tenant_id: str | None, after: int, upto: int) -> Sequence[IndexFault]:
    first, last = (after + 1) // BLOCK, upto // BLOCK
    values: dict[str, Any] = {"start": first * BLOCK, "end": (last + 1) * BLOCK}
    _, of_all, of_one = _statements(connection)
    query = of_all if tenant_id is None else of_one.bindparams(tenant_id=tenant_id)
    found: dict[tuple[str, int], tuple[int, int]] = {}
    for tenant, block, lost, strange in connection.execute(query, values):
        known = found.get((tenant, block), (0, 0))
        found[tenant, block] = (known[0] + lost, known[1] + strange)
    return first_of_each_index(
        IndexFault(tenant, *_sequences(connection, tenant, block), range(block, block + 1), *counts)
        for (tenant, block), counts in found.items()
    )


def _sequences(connection: Connection, tenant_id: str, block: int) -> tuple[int, int]:
    """Places of the first and the last record of the tenant in a block, 0 where it has none."""
    entry = audit_entries.c
    here = (entry.tenant_id == tenant_id, entry.number >= block * BLOCK, entry.number < (block + 1) * BLOCK)
    first, last = connection.execute(select(func.min(entry.sequence), func.max(entry.sequence)).where(*here)).one()
    return first or 0, last or 0


def _problem(connection: Connection, tenant_id: str) -> str:
    """Its size is counted from the database's own index: a fraction of a second for millions of entries."""
    row = connection.execute(select(audit_indexed).where(audit_indexed.c.tenant_id == tenant_id)).one_or_none()
    present = connection.scalar(
        select(func.count()).select_from(audit_index).where(audit_index.c.tenant_id == tenant_id)
    )
    number, sequence, entries = (row.number, row.sequence, row.entries) if row else (0, 0, 0)
    if present != entries:
        return f"the index has {present} entries and should have {entries}"
    place = select(audit_entries.c.sequence).where(
        audit_entries.c.number == number, audit_entries.c.tenant_id == tenant_id
    )
    if number and connection.scalar(place) != sequence:
        return "the index says to end with a record that is not the tenant's, or has another place in the chain"
    return ""


def _rebuild(connection: Connection, tenant_id: str, start: int) -> int | None:
    """Records that came after the index are left to `advance`. Numbers of other tenants are stepped over."""
    entry, here = audit_entries.c, audit_indexed.c.tenant_id == tenant_id
    indexed, _ = _lock(connection, tenant_id)
    own = select(entry.number).where(entry.tenant_id == tenant_id, entry.number >= start, entry.number <= indexed)
    first = start // BLOCK
    following: int | None = connection.scalar(own.order_by(entry.number).limit(1))
    if following is not None:
        stop = (following + NUMBERS_PER_STEP - 1) // BLOCK + 1
        if following // BLOCK > first:
            _remove_blocks(connection, tenant_id, first, following // BLOCK)
        _index_blocks(connection, tenant_id, range(following // BLOCK, stop), indexed)
        return stop * BLOCK
    _remove_blocks(connection, tenant_id, first, None)
    end = select(entry.number, entry.sequence).where(entry.tenant_id == tenant_id, entry.number <= indexed)
    last = connection.execute(end.order_by(entry.number.desc()).limit(1)).one_or_none()
    number, sequence = (last.number, last.sequence) if last else (0, 0)
    present = select(func.count()).select_from(audit_index).where(audit_index.c.tenant_id == tenant_id)
    entries = connection.scalar(present)
    connection.execute(update(audit_indexed).where(here).values(number=number, sequence=sequence, entries=entries))
    return None


def _remove_blocks(connection: Connection, tenant_id: str, first: int, stop: int | None) -> None:
    """Remove entries of blocks in which the tenant has no records."""
    block = audit_index.c.block
    where = [audit_index.c.tenant_id == tenant_id, block >= first, *([block < stop] if stop is not None else [])]
    removed = connection.execute(delete(audit_index).where(*where)).rowcount
    _add_entries(connection, tenant_id, -removed)
