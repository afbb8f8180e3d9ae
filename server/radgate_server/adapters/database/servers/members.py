"""MemberRegistry in the table `members`."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, or_, select, update

from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.connection.time import Now, database_time
from radgate_server.adapters.database.schema.servers import members, study_holders
from radgate_server.core.servers.member import Member

_column = members.c

HOLDERS_KEPT = timedelta(days=30)
"""An older claim of a study is dropped: few studies are read again after so long."""


class SqlMemberRegistry:
    """MemberRegistry in SQLite or PostgreSQL, whose clock says who has gone."""

    def __init__(self, database: Database, now: Now = database_time) -> None:
        self._database = database
        self._now = now

    async def announce(self, member: Member, lease_s: float) -> Sequence[Member]:
        """Be there for `lease_s` seconds more; returns all that are, in the order of their start."""

        def write(connection: Connection) -> Sequence[Member]:
            now = self._now(connection)
            lost = connection.execute(delete(members).where(_column.lease_end_time < now)).rowcount
            if _announce(connection, member, now + timedelta(seconds=lease_s)) or lost:
                _drop_claims(connection, now)
            return _list(connection, now)

        return await self._database.write(write)

    async def withdraw(self, member_id: str) -> None:
        """Be there no more."""
        statement = delete(members).where(_column.member_id == member_id)
        await self._database.write(lambda connection: connection.execute(statement))

    async def list_members(self) -> Sequence[Member]:
        """All that are there, in the order of their start."""
        return await self._database.read(lambda connection: _list(connection, self._now(connection)))


def _announce(connection: Connection, member: Member, until: datetime) -> bool:
    """Whether it was not there."""
    own = _column.member_id == member.member_id
    if connection.execute(update(members).where(own).values(lease_end_time=until)).rowcount:
        return False
    connection.execute(insert(members).values(**asdict(member), lease_end_time=until))
    return True


def _drop_claims(connection: Connection, now: datetime) -> None:
    """Those of members that are lost, and what is very old."""
    of_lost = study_holders.c.member_id.not_in(select(_column.member_id))
    connection.execute(delete(study_holders).where(or_(of_lost, study_holders.c.since < now - HOLDERS_KEPT)))


def _list(connection: Connection, now: datetime) -> Sequence[Member]:
    query = select(*(column for column in _column if column is not _column.lease_end_time))
    rows = connection.execute(query.where(_column.lease_end_time >= now)).all()
    return sorted((Member(*row) for row in rows), key=lambda member: (member.start_time, member.member_id))
