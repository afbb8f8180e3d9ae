"""PrefetchRecords in the table `prefetched_studies`."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.schema.prefetch import prefetched_studies
from radgate_server.adapters.database.schema.tables import tenants
from radgate_server.core.prefetch.batch import PrefetchedStudy, PrefetchOutcome

_column = prefetched_studies.c


class SqlPrefetchRecords:
    """PrefetchRecords in SQLite or PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, row: PrefetchedStudy) -> None:
        """Write it down in place of what there is of the same study and batch."""
        await self._database.write(lambda connection: _add(connection, row))

    async def of_batch(self, tenant_id: str, batch_id: str) -> Sequence[PrefetchedStudy]:
        """In the order in which they were prefetched."""
        statement = select(prefetched_studies).where(_column.tenant_id == tenant_id, _column.batch_id == batch_id)
        statement = statement.order_by(_column.time, _column.study_instance_uid)
        return [
            _row_of(row) for row in await self._database.read(lambda connection: connection.execute(statement).all())
        ]

    async def fetched_since(self, tenant_id: str, since: datetime) -> Sequence[PrefetchedStudy]:
        """Those of which something was fetched since, oldest first."""
        chosen = (_column.tenant_id == tenant_id, _column.time >= since, _column.fetched_bytes > 0)
        statement = select(prefetched_studies).where(*chosen).order_by(_column.time, _column.study_instance_uid)
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        return [_row_of(row) for row in rows]

    async def prune(self, before: datetime) -> int:
        """Remove what was prefetched before; return how many rows that were."""
        statement = delete(prefetched_studies).where(_column.time < before)
        return await self._database.write(lambda connection: connection.execute(statement).rowcount)


def forget_prefetched(connection: Connection, tenant_id: str, study_instance_uid: str) -> None:
    """Remove what is of the study, in the transaction that erases it."""
    of_study = (_column.tenant_id == tenant_id, _column.study_instance_uid == study_instance_uid)
    connection.execute(delete(prefetched_studies).where(*of_study))


def _add(connection: Connection, row: PrefetchedStudy) -> None:
    # Locked, so that it is not deleted before the row that refers to it is there.
    tenant = select(tenants.c.tenant_id).where(tenants.c.tenant_id == row.tenant_id).with_for_update(read=True)
    if connection.scalar(tenant) is None:
        return
    same = (
        _column.tenant_id == row.tenant_id,
        _column.batch_id == row.batch_id,
        _column.study_instance_uid == row.study_instance_uid,
    )
    connection.execute(delete(prefetched_studies).where(*same))
    connection.execute(insert(prefetched_studies).values(**{**asdict(row), "outcome": row.outcome.value}))


def _row_of(row: Row[Any]) -> PrefetchedStudy:
    return PrefetchedStudy(**{**row._asdict(), "outcome": PrefetchOutcome(row.outcome)})
