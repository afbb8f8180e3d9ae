"""Verifying a tenant's chain for whoever may read it, with news of how far it is."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from radgate_server.core.access.tenancy import Caller
from radgate_server.core.audit.checkpoint import Check, Checkpoint
from radgate_server.core.audit.record import AuditAction
from radgate_server.services.audit.administration import AuditAdmin, Verdict
from radgate_server.services.audit.recording import Auditor

type Progress = tuple[int, int]
"""Numbers passed, numbers in all."""


class AuditVerifier:
    """The admin's check, by the public keys that `check` believes in. That somebody looks is recorded first."""

    def __init__(self, admin: AuditAdmin, check: Check, auditor: Auditor) -> None:
        self._admin = admin
        self._check = check
        self._auditor = auditor

    async def verify(self, caller: Caller) -> AsyncGenerator[Progress | Verdict]:
        """Yield how far it is and, last, the verdict.

        Raises:
            AuditUnavailableError: it could not be recorded.
            DatabaseUnavailableError: the trail can't be read.
        """
        await self._auditor.record_reading(caller, AuditAction.READ_AUDIT, detail="verify")
        loop = asyncio.get_running_loop()
        news: asyncio.Queue[Progress | None] = asyncio.Queue()

        def progress(done: int, total: int) -> None:  # in a thread of the database's
            loop.call_soon_threadsafe(news.put_nowait, (done, total))

        check = asyncio.create_task(self._admin.verify(caller.tenant_id, (), self._check, progress))
        check.add_done_callback(lambda _task: news.put_nowait(None))
        try:
            while (item := await news.get()) is not None:
                yield item
            yield await check
        finally:
            check.cancel()

    async def checkpoints(self, caller: Caller) -> Sequence[Checkpoint]:
        """All of the tenant, the oldest first. Raises as `verify`."""
        await self._auditor.record(caller, AuditAction.READ_AUDIT, detail="list checkpoints")
        return await self._admin.checkpoints(caller.tenant_id)
