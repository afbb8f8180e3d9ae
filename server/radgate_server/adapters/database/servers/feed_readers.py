"""FeedReaders in the table `feed_readers`."""

from contextlib import suppress
from datetime import timedelta

from sqlalchemy import Connection, and_, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.connection.time import Now, database_time
from radgate_server.adapters.database.schema.servers import feed_readers
from radgate_server.adapters.database.schema.tables import changes

_column = feed_readers.c


class SqlFeedReaders:
    """FeedReaders in SQLite or PostgreSQL; a claim is one statement, which locks the reader's row."""

    def __init__(self, database: Database, now: Now = database_time) -> None:
        self._database = database
        self._now = now

    async def claim(self, reader: str, holder: str, lease_s: float) -> int | None:
        """Be the only one who reads for so long; returns the last change that was read, None while another reads."""
        return await self._database.write(lambda connection: self._claim(connection, reader, holder, lease_s))

    async def advance(self, reader: str, holder: str, sequence: int) -> None:
        """All changes up to this one were read; the next claim is anybody's."""

        def write(connection: Connection) -> None:
            mine = and_(_column.reader == reader, _column.holder == holder)
            values = {"sequence": sequence, "lease_end_time": self._now(connection)}
            connection.execute(update(feed_readers).where(mine).values(**values))

        await self._database.write(write)

    def _claim(self, connection: Connection, reader: str, holder: str, lease_s: float) -> int | None:
        now = self._now(connection)
        values = {"holder": holder, "lease_end_time": now + timedelta(seconds=lease_s)}
        free = and_(_column.reader == reader, or_(_column.holder == holder, _column.lease_end_time <= now))
        taken = update(feed_readers).where(free).values(**values).returning(_column.sequence)
        sequence: int | None = connection.execute(taken).scalar_one_or_none()
        if sequence is not None:
            return sequence
        if connection.scalar(select(_column.holder).where(_column.reader == reader)) is None:
            newest: int = connection.scalar(select(func.max(changes.c.sequence))) or 0
            with suppress(IntegrityError), connection.begin_nested():  # unless somebody is faster
                connection.execute(insert(feed_readers).values(reader=reader, sequence=newest, **values))
                return newest
        # Whoever made the row since the first look may have been this holder.
        mine: int | None = connection.execute(taken).scalar_one_or_none()
        return mine
