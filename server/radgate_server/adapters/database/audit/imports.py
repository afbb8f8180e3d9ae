"""ImportedRequests in the table `audit_imports`."""

from collections.abc import Collection, Mapping, Set
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.schema.audit_export import audit_imports

_column = audit_imports.c


class SqlImportedRequests:
    """One row for each request."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def known(self, request_ids: Collection[str]) -> Set[str]:
        """Those of them that are in the trail."""
        query = select(_column.request_id).where(_column.request_id.in_(request_ids))
        return await self._database.read(lambda connection: set(connection.scalars(query)))

    async def add(self, times: Mapping[str, datetime], forget_before: datetime) -> None:
        """Remember these requests, and none from before a time."""

        def write(connection: Connection) -> None:
            connection.execute(delete(audit_imports).where(_column.time < forget_before))
            present = set(connection.scalars(select(_column.request_id).where(_column.request_id.in_(times))))
            rows = [{"request_id": name, "time": time} for name, time in times.items() if name not in present]
            if rows:
                connection.execute(insert(audit_imports), rows)

        await self._database.write(write)
