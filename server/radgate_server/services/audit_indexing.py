"""Keeps the index of the audit trail close behind it, in the background."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from radgate_server.core.errors import DatabaseUnavailableError
from radgate_server.core.ports.audit_records import AuditRecords

PAUSE_S = 0.02

_log = logging.getLogger(__name__)


class AuditIndexer:
    """Every `interval_s` seconds. `sleep` is asyncio.sleep, or what a test puts in its place.

    Several servers may do so at once: what one has indexed the others find done.
    """

    def __init__(
        self,
        records: AuditRecords,
        *,
        interval_s: float,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._records = records
        self._interval_s = interval_s
        self._sleep = sleep
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Follow the trail from now on."""
        self._task = asyncio.create_task(self._follow(), name="audit-indexer")

    async def close(self) -> None:
        """Follow it no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def look(self) -> None:
        """Index what is not indexed yet, a step for each tenant in turn, so that none waits for another's backlog.

        Between two rounds there is a pause, in which SQLite's one writer is whoever records an access.

        Raises:
            DatabaseUnavailableError: the trail can't be read, or the index not written.
        """
        behind = await self._records.tenants()
        while behind:
            behind = [tenant_id for tenant_id in behind if (await self._records.advance(tenant_id)).is_behind]
            if behind:
                await self._sleep(PAUSE_S)

    async def _follow(self) -> None:
        while True:
            try:
                await self.look()
            except DatabaseUnavailableError as error:
                _log.warning("the audit trail can't be indexed: %s", error.message)
            except Exception:  # noqa: BLE001 - whoever stops would leave searches behind for ever
                _log.exception("the audit trail can't be indexed")
            await self._sleep(self._interval_s)
