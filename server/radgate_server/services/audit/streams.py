"""The second record of an access: how much was sent, where nobody knew that before the first byte left."""

import asyncio
import logging
from dataclasses import dataclass

from radgate_server.core.access.tenancy import Caller
from radgate_server.core.audit.record import AuditAction, AuditOutcome
from radgate_server.core.dicom.identifiers import RetrieveScope
from radgate_server.core.errors import AuditUnavailableError
from radgate_server.services.audit.recording import Auditor

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class AuditedStream:
    """An access that was granted and recorded, and is being sent; `instances` grow with those that are sent whole."""

    action: AuditAction
    scope: RetrieveScope
    detail: str = ""
    instances: int = 0

    @property
    def detail_text(self) -> str:
        """The detail of the second record."""
        count = f"{self.instances} instance{'s' * (self.instances > 1)}" if self.instances else ""
        return ", ".join(filter(None, (self.detail, count)))


class StreamLog:
    """Writes second records, beside the calls: by then the bytes are out, and nobody has to wait."""

    def __init__(self, auditor: Auditor) -> None:
        self._auditor = auditor
        self._tasks: set[asyncio.Task[None]] = set()

    def ended(self, caller: Caller, stream: AuditedStream, size_bytes: int, *, whole: bool) -> None:
        """The call of the stream is over, having sent so many bytes; not `whole` when it broke off."""
        outcome = AuditOutcome.DELIVERED if whole else AuditOutcome.INTERRUPTED
        task = asyncio.create_task(self._record(caller, stream, size_bytes, outcome))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Wait for what is still being recorded."""
        await asyncio.gather(*self._tasks)

    async def _record(self, caller: Caller, stream: AuditedStream, size_bytes: int, outcome: AuditOutcome) -> None:
        try:
            await self._auditor.record(
                caller, stream.action, stream.scope, stream.detail_text, size_bytes=size_bytes, outcome=outcome
            )
        except AuditUnavailableError:  # that it was granted is recorded
            _log.error("what was sent could not be recorded", extra={"action": stream.action, "bytes": size_bytes})
