"""One database and the few threads that talk to it."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import cast

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import QueuePool

from radgate_server.adapters.database.connection.engine import WRITES, open_engine
from radgate_server.adapters.database.connection.unavailable import unavailable
from radgate_server.core.failure_text import describe_failure
from radgate_server.lib.condition_log import ConditionLog
from radgate_server.settings.shared.database import DatabaseSettings

log = logging.getLogger(__name__)

SETTLE_S = 5.0
"""A database works again with the first success so long after its last failure."""


class Database:
    """An engine whose blocking calls run in threads of their own. `close()` it."""

    def __init__(self, url: str, limits: DatabaseSettings | None = None) -> None:
        self._limits = limits or DatabaseSettings()
        self.engine = open_engine(url, self._limits)
        self._executor = ThreadPoolExecutor(self._limits.threads, thread_name_prefix="database")
        # Apart, for a disk that is full or read-only can still be read.
        self._reading = ConditionLog(log, "the database can't be read", settle_s=SETTLE_S)
        self._writing = ConditionLog(log, "the database can't be written", settle_s=SETTLE_S)

    async def read[T](self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction that only reads.

        Raises:
            DatabaseUnavailableError: the database can't be reached, or fails.
        """
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._run, work, False)

    async def write[T](self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction that is committed when it returns, and rolled back when it raises.

        Once started it runs to its end, even when the caller is cancelled.

        Raises:
            DatabaseUnavailableError: the database can't be reached, or fails.
        """
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._run, work, True)

    async def scrub(self) -> None:
        """See that SQLite's log holds no old page any more, unless somebody reads one just now (docs/retention.md).

        In the file itself SQLite overwrites what is deleted (engine.py). PostgreSQL is left to its operator.
        """
        if self.engine.dialect.name == "sqlite":
            await asyncio.get_running_loop().run_in_executor(self._executor, self._empty_log)

    @property
    def connections(self) -> tuple[int, int]:
        """How many connections of the pool are in use, and how many idle. May be asked from any thread."""
        pool = cast("QueuePool", self.engine.pool)
        return pool.checkedout(), pool.checkedin()

    @property
    def connections_limit(self) -> int:
        """How many connections there may be."""
        return self._limits.connections

    async def close(self) -> None:
        """Finish what runs, and close the connections."""
        await asyncio.to_thread(self._executor.shutdown)
        self.engine.dispose()

    def _run[T](self, work: Callable[[Connection], T], writes: bool) -> T:
        with (
            translated_errors(self._writing if writes else self._reading),
            self.engine.connect().execution_options(**{WRITES: writes}) as connection,
            connection.begin(),
        ):
            return work(connection)

    def _empty_log(self) -> None:
        with translated_errors(self._writing), closing(self.engine.raw_connection()) as connection:
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")


@contextmanager
def translated_errors(condition: ConditionLog) -> Iterator[None]:
    """Turn a failure of the driver or its pool into DatabaseUnavailableError; the driver's reason goes to the log."""
    try:
        yield
    except SQLAlchemyError as error:
        condition.failed(describe_failure(error))
        raise unavailable(error) from None
    condition.succeeded()
