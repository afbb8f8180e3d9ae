"""AccessHistory in the table `study_accesses`."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import batched
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, select, text, tuple_

from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.schema.accesses import study_accesses
from radgate_server.adapters.database.schema.tables import UtcDateTime
from radgate_server.core.cache.accesses import AccessCounts, AccessKind, AccessPlace, StudyAccesses

_column = study_accesses.c
_COUNTS = tuple(_column[name] for name in AccessCounts._fields)
_MAX_TENANTS = 500
"""Of one statement: SQLite bounds its parameters."""
_PLACE = (_column.hour, _column.tenant_id, _column.study_instance_uid, _column.kind, _column.tier)


class SqlAccessHistory:
    """AccessHistory in SQLite or PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, rows: Sequence[StudyAccesses]) -> None:
        """Add to what is counted. What is of a tenant that does not exist is left out."""
        if not rows:
            return
        # In one order for all, so that two servers never wait for one another.
        values = [_values(row) for row in sorted(rows, key=lambda row: row.place)]
        await self._database.write(lambda connection: connection.execute(_ADD, values))

    async def page(
        self, tenant_id: str, since: datetime, limit: int, after: AccessPlace | None = None
    ) -> Sequence[StudyAccesses]:
        """At most `limit` rows of hours from `since` on, oldest first, that follow `after`."""
        statement = select(study_accesses).where(_column.hour >= since, _column.tenant_id == tenant_id)
        if after is not None:
            statement = statement.where(tuple_(*_PLACE) > tuple_(*after, types=[each.type for each in _PLACE]))
        statement = statement.order_by(*_PLACE).limit(limit)
        found = await self._database.read(lambda connection: connection.execute(statement).all())
        return [_accesses(row) for row in found]

    async def totals(self, tenant_ids: Collection[str], since: datetime) -> Mapping[str, Mapping[str, AccessCounts]]:
        """What is counted in hours from `since` on, by tenant and tier."""
        sums = select(_column.tenant_id, _column.tier, *map(func.sum, _COUNTS)).where(_column.hour >= since)
        sums = sums.group_by(_column.tenant_id, _column.tier)
        found: dict[str, dict[str, AccessCounts]] = {tenant_id: {} for tenant_id in tenant_ids}

        def read(connection: Connection) -> None:
            for some in batched(tenant_ids, _MAX_TENANTS):
                for tenant_id, tier, *counts in connection.execute(sums.where(_column.tenant_id.in_(some))):
                    found[tenant_id][tier] = AccessCounts(*map(int, counts))

        await self._database.read(read)
        return found

    async def prune(self, before: datetime) -> int:
        """Remove the hours that begin before; return how many rows that were."""
        statement = delete(study_accesses).where(_column.hour < before)
        return await self._database.write(lambda connection: connection.execute(statement).rowcount)


def forget_accesses(connection: Connection, tenant_id: str, study_instance_uid: str) -> None:
    """Remove what is of the study, in the transaction that erases it."""
    of_study = (_column.tenant_id == tenant_id, _column.study_instance_uid == study_instance_uid)
    connection.execute(delete(study_accesses).where(*of_study))


def _values(row: StudyAccesses) -> dict[str, Any]:
    return {
        **row.place._asdict(),
        "kind": row.place.kind.value,
        **row.counts._asdict(),
        "modality": row.modality,
        "patient": row.patient,
    }


def _accesses(row: Row[Any]) -> StudyAccesses:
    place = AccessPlace(row.hour, row.tenant_id, row.study_instance_uid, AccessKind(row.kind), row.tier)
    counts = AccessCounts(*(getattr(row, name) for name in AccessCounts._fields))
    return StudyAccesses(place, counts, row.modality, row.patient)


_ADD = text(
    """
    INSERT INTO study_accesses (hour, tenant_id, study_instance_uid, kind, tier,
                                accesses, sent_bytes, fetched_bytes, waited_ms, first_byte_us, modality, patient)
    SELECT :hour, tenant_id, :study_instance_uid, :kind, :tier,
           :accesses, :sent_bytes, :fetched_bytes, :waited_ms, :first_byte_us, :modality, :patient
    FROM tenants WHERE tenant_id = :tenant_id
    ON CONFLICT (hour, tenant_id, study_instance_uid, kind, tier) DO UPDATE
    SET accesses = study_accesses.accesses + excluded.accesses,
        sent_bytes = study_accesses.sent_bytes + excluded.sent_bytes,
        fetched_bytes = study_accesses.fetched_bytes + excluded.fetched_bytes,
        waited_ms = study_accesses.waited_ms + excluded.waited_ms,
        first_byte_us = study_accesses.first_byte_us + excluded.first_byte_us,
        modality = CASE excluded.modality WHEN '' THEN study_accesses.modality ELSE excluded.modality END,
        patient = CASE excluded.patient WHEN '' THEN study_accesses.patient ELSE excluded.patient END
    """
).bindparams(bindparam("hour", type_=UtcDateTime()))
"""SQLite and PostgreSQL understand it alike."""
