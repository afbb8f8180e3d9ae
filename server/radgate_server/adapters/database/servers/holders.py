"""StudyHolders in the table `study_holders`."""

from typing import TYPE_CHECKING

from sqlalchemy import Connection, Insert, and_, case, delete, select

from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.connection.time import Now, database_time
from radgate_server.adapters.database.schema.servers import members, study_holders

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

_column = study_holders.c


class SqlStudyHolders:
    """StudyHolders in SQLite or PostgreSQL; a claim is one statement, which locks the study's row."""

    def __init__(self, database: Database, now: Now = database_time) -> None:
        self._database = database
        self._now = now

    async def claim(self, tenant_id: str, study_instance_uid: str, own: str, *, instead_of: str = "") -> str:
        """Return the ID of the member that holds the tenant's study: `own` if nobody else does."""

        def write(connection: Connection) -> str:
            now = self._now(connection)
            row = {
                "tenant_id": tenant_id,
                "study_instance_uid": study_instance_uid,
                "member_id": own,
                "since": now,
            }
            statement = _insert(connection).values(row)
            there = select(members.c.member_id).where(members.c.lease_end_time >= now)
            stays = and_(_column.member_id.in_(there), _column.member_id != instead_of)
            taken: Insert = statement.on_conflict_do_update(
                index_elements=[_column.tenant_id, _column.study_instance_uid],
                set_={
                    "member_id": case((stays, _column.member_id), else_=statement.excluded.member_id),
                    "since": case((stays, _column.since), else_=statement.excluded.since),
                },
            )
            return str(connection.execute(taken.returning(_column.member_id)).scalar_one())

        return await self._database.write(write)

    async def release(self, tenant_id: str, study_instance_uid: str | None) -> None:
        """Forget who holds the study, or any study of the tenant."""
        await self._database.write(lambda connection: drop_claims(connection, tenant_id, study_instance_uid))


def drop_claims(connection: Connection, tenant_id: str, study_instance_uid: str | None) -> None:
    """Forget who holds the study, or any study of the tenant, in the transaction that drops them."""
    statement = delete(study_holders).where(_column.tenant_id == tenant_id)
    if study_instance_uid is not None:
        statement = statement.where(_column.study_instance_uid == study_instance_uid)
    connection.execute(statement)


def _insert(connection: Connection) -> "postgresql.Insert | sqlite.Insert":
    """An insert that knows conflicts; commands on SQLite must not wait until PostgreSQL's is loaded."""
    if connection.dialect.name == "sqlite":
        from sqlalchemy.dialects import sqlite

        return sqlite.insert(study_holders)
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(study_holders)
