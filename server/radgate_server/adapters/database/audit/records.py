"""Records of the audit trail, found by the index."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, func, literal, or_, select

from radgate_server.adapters.database.audit.index import SqlAuditIndex
from radgate_server.adapters.database.audit.trail import RECORD_COLUMNS, read_record
from radgate_server.adapters.database.schema.tables import audit_entries, audit_index
from radgate_server.core.audit.ports.records import Found
from radgate_server.core.audit.search import (
    BLOCK,
    BREAK_GLASS_TERM,
    AuditCriteria,
    AuditRecord,
    narrowed,
    record_of,
    time_us_of,
)
from radgate_server.core.audit.studies_shown import SEPARATOR

BLOCKS_PER_READ = 64
"""One question to the database looks at so many blocks at most."""

_COLUMNS = [audit_entries.c[name] for name in RECORD_COLUMNS]
_entry, _term = audit_entries.c, audit_index.c


class SqlAuditRecords(SqlAuditIndex):
    """AuditRecords in the tables of the trail and of its index."""

    async def find(
        self,
        tenant_id: str,
        criteria: AuditCriteria,
        *,
        start: int,
        end: int,
        limit: int,
        oldest_first: bool = False,
    ) -> Found:
        """Find up to `limit` records with numbers in [start, end) that are indexed."""
        search = _Search(tenant_id, criteria, start, end, limit, oldest_first)
        return await self._database.read(search.run)


class _Search:
    """One question: which blocks may hold what is searched for, and which of their rows do."""

    def __init__(
        self, tenant_id: str, criteria: AuditCriteria, start: int, end: int, limit: int, oldest_first: bool
    ) -> None:
        self._tenant_id = tenant_id
        self._criteria = criteria
        self._start = start
        self._end = end
        self._limit = limit
        self._oldest_first = oldest_first
        self._matches = (_entry.tenant_id == tenant_id, *_conditions(criteria))

    def run(self, connection: Connection) -> Found:
        """Look at some blocks."""
        blocks = self._blocks(connection)
        found: list[AuditRecord] = []
        for first, last in _runs(blocks):
            limit = self._limit - len(found)
            rows = self._rows(connection, first * BLOCK, (last + 1) * BLOCK, limit)
            records = (narrowed(record_of(read_record(row)), self._criteria) for row in rows)
            found += (record for record in records if record is not None)
            if len(rows) == limit:
                number = rows[-1].number
                return Found(found, number + 1 if self._oldest_first else number)
        if len(blocks) < BLOCKS_PER_READ:
            return Found(found, None)
        return Found(found, (blocks[-1] + 1) * BLOCK if self._oldest_first else blocks[-1] * BLOCK)

    def _blocks(self, connection: Connection) -> Sequence[int]:
        """Blocks that have a term of each group, in the order in which they are looked at."""
        first, *others = self._criteria.terms
        conditions = [
            *self._of_term(first),
            _term.block >= self._start // BLOCK,
            _term.block <= (self._end - 1) // BLOCK,
            *(_term.block.in_(select(_term.block).where(*self._of_term(group)).correlate(None)) for group in others),
        ]
        order = _term.block if self._oldest_first else _term.block.desc()
        query = select(_term.block).distinct().where(*conditions).order_by(order).limit(BLOCKS_PER_READ)
        return connection.scalars(query).all()

    def _of_term(self, group: Sequence[str]) -> Iterator[ColumnElement[bool]]:
        yield _term.tenant_id == self._tenant_id
        yield _term.term.in_(group)
        if self._criteria.since:
            yield _term.last_us >= time_us_of(self._criteria.since)
        if self._criteria.until:
            yield _term.first_us < time_us_of(self._criteria.until)

    def _rows(self, connection: Connection, start: int, end: int, limit: int) -> Sequence[Row[Any]]:
        here = _entry.number >= max(start, self._start), _entry.number < min(end, self._end)
        order = _entry.number if self._oldest_first else _entry.number.desc()
        return connection.execute(select(*_COLUMNS).where(*self._matches, *here).order_by(order).limit(limit)).all()


def _conditions(criteria: AuditCriteria) -> Iterator[ColumnElement[bool]]:
    """What a row must be, field by field."""
    for name in ("series_instance_uid", "sop_instance_uid", "outcome"):
        if value := getattr(criteria, name):
            yield _entry[name] == value
    if criteria.study_instance_uid:
        yield has_value(_entry.study_instance_uid, criteria.study_instance_uid)
    if criteria.user:
        yield or_(_entry.key_id == criteria.user, _entry.principal == criteria.user)
    if criteria.patient_id:
        unnamed = and_(_entry.patient_id == "", _entry.study_instance_uid.in_(criteria.studies_of_patient))
        yield or_(has_value(_entry.patient_id, criteria.patient_id), unnamed)
    if criteria.actions:
        yield _entry.action.in_(criteria.actions)
    if criteria.since:
        yield _entry.time_us >= time_us_of(criteria.since)
    if criteria.until:
        yield _entry.time_us < time_us_of(criteria.until)
    if criteria.break_glass:
        in_detail = and_(_entry.break_glass.is_(None), _entry.detail.contains(BREAK_GLASS_TERM, autoescape=True))
        yield or_(_entry.break_glass != "", in_detail)


def has_value(column: ColumnElement[str], value: str) -> ColumnElement[bool]:
    """Whether the field is the value, or a list that has it (core/audit/studies_shown.py). LIKE would ignore case."""
    listed = literal(SEPARATOR) + column + literal(SEPARATOR)
    return or_(column == value, func.replace(listed, f"{SEPARATOR}{value}{SEPARATOR}", "") != listed)


def _runs(blocks: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Blocks that follow one another as (lowest, highest), so that they are read at once."""
    start = 0
    for index in range(1, len(blocks) + 1):
        if index == len(blocks) or abs(blocks[index] - blocks[index - 1]) != 1:
            yield min(blocks[start], blocks[index - 1]), max(blocks[start], blocks[index - 1])
            start = index
