"""What writing ends of the audit trail have in common that make no answer wait for the database."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping

from radgate_server.core.audit import AuditEntry
from radgate_server.core.audit_chain import Content, content_of
from radgate_server.core.errors import AuditUnavailableError, DatabaseUnavailableError, SpoolFullError

_log = logging.getLogger(__name__)

SETTLE_S = 5.0
"""Who reads the trail waits so long for the records that came before; so does the server when it stops."""

LOOK_S = 0.005
"""Between two looks of theirs."""


class QuickAuditSink:
    """Records by `keep`, which takes some microseconds of the caller's thread or raises SpoolFullError."""

    def __init__(self, keep: Callable[[Content], None]) -> None:
        self._keep = keep
        self._recorded: Counter[tuple[str, str]] = Counter()
        self._closing = False

    async def record(self, entry: AuditEntry) -> None:
        """Record the access; returns when it is kept.

        Raises:
            AuditUnavailableError: there is no room for it, or the disk fails.
        """
        if self._closing:
            raise AuditUnavailableError("the access could not be recorded")
        content = content_of(entry)
        try:
            self._keep(content)
        except SpoolFullError as error:
            _log.error("the audit trail can't be written: %s", error.message)
            raise AuditUnavailableError("the access could not be recorded") from None
        self._recorded[content.kind] += 1

    @property
    def recorded(self) -> Mapping[tuple[str, str], int]:
        """Records that were taken, by action and outcome; from any thread."""
        return dict(self._recorded)

    @property
    def waiting(self) -> int:
        """Nobody waits."""
        return 0


async def until_settled(is_settled: Callable[[], bool], timeout_s: float) -> None:
    """Wait until somebody else, who knows no event loop, has brought to the database what was recorded before.

    Raises:
        DatabaseUnavailableError: that takes longer.
    """
    try:
        async with asyncio.timeout(timeout_s):
            while not is_settled():  # noqa: ASYNC110 - no thread waits for it: when the database is away, others need those
                await asyncio.sleep(LOOK_S)
    except TimeoutError:
        raise DatabaseUnavailableError("records of the audit trail still wait for the database") from None
