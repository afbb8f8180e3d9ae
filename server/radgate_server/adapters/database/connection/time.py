"""What time it is for all processes of an installation, whatever the clocks of their machines say."""

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import Connection, func, select

type Now = Callable[[Connection], datetime]
"""The time by which leases are held."""


def database_time(connection: Connection) -> datetime:
    """PostgreSQL's own clock. Of SQLite all processes run on one machine, whose clock it is."""
    if connection.dialect.name == "sqlite":
        return datetime.now(UTC)
    moment: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return moment
