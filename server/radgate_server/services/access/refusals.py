"""Who was refused, in the audit trail: bounded, so that a flood of bad keys can't fill the disk."""

import asyncio
import logging
import re
from dataclasses import dataclass, replace

from radgate_server.core.audit.ports.trail import AuditSink
from radgate_server.core.audit.record import AuditAction, AuditEntry, AuditOutcome
from radgate_server.core.errors import AuditUnavailableError
from radgate_server.core.telemetry.request_context import trace_id
from radgate_server.lib.clock import Clock
from radgate_server.services.repeating import Repeating, Sleep

_log = logging.getLogger(__name__)

INTERVAL_S = 60.0
"""Of refusals that are alike the first one of an interval is recorded at once, the rest as one record at its end."""

MAX_KINDS = 64
"""Kinds of refusals distinguished in one interval; all others together are one kind."""

_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")


@dataclass(frozen=True, slots=True)
class Refused:
    """One call that was refused. What says who called is "" where that is unknown.

    `tenant_id` is the tenant of a caller that is known, `asked_tenant` what a stranger named: no chain is begun for it.
    `why` is what the caller does not see.
    """

    action: AuditAction
    outcome: AuditOutcome
    tenant_id: str
    asked_tenant: str
    key_id: str
    role: str
    address: str
    user_agent: str
    request_id: str
    method: str
    reason: str
    why: str = ""

    @property
    def kind(self) -> tuple[str, ...]:
        """What refusals that are alike have in common."""
        return (self.action, self.reason, self.why, self.tenant_id, self.key_id, self.address)


@dataclass(slots=True)
class _Repeats:
    last: Refused
    count: int = 0


class RefusalLog(Repeating):
    """Records refusals. `start()` it, so that repetitions are written; `sleep` is asyncio.sleep or a test's."""

    def __init__(self, sink: AuditSink, clock: Clock, *, sleep: Sleep = asyncio.sleep) -> None:
        trouble = "repeated refusals can't be recorded"
        super().__init__("refusals", interval_s=INTERVAL_S, trouble=trouble, wait_first=True, sleep=sleep)
        self._sink = sink
        self._clock = clock
        self._kinds: dict[tuple[str, ...], _Repeats] = {}

    async def close(self) -> None:
        """Write what has been counted, and stop."""
        await super().close()
        await self.look()

    async def note(self, refused: Refused) -> None:
        """Record the refusal, or count it if one like it was recorded in this interval.

        When it can't be recorded the caller is refused all the same, so nothing has been seen.
        """
        kind = refused.kind
        if kind not in self._kinds and len(self._kinds) >= MAX_KINDS:
            kind, refused = ("",), replace(refused, tenant_id="", key_id="", role="", address="", user_agent="", why="")
        repeats = self._kinds.get(kind)
        if repeats is None:
            self._kinds[kind] = _Repeats(refused)
            await self._record(refused, _detail(refused))
        else:
            repeats.last = refused
            repeats.count += 1

    async def look(self) -> None:
        """End the interval: one record for each kind that came again."""
        kinds, self._kinds = self._kinds, {}
        for repeats in kinds.values():
            if repeats.count:
                await self._record(repeats.last, f"{_detail(repeats.last)}, and {repeats.count} more like it")

    async def _record(self, refused: Refused, detail: str) -> None:
        entry = AuditEntry(
            time=self._clock.now(),
            tenant_id=refused.tenant_id,
            key_id=refused.key_id,
            role=refused.role,
            action=refused.action,
            outcome=refused.outcome,
            study_instance_uid="",
            series_instance_uid="",
            sop_instance_uid="",
            address=refused.address,
            user_agent=refused.user_agent,
            request_id=refused.request_id,
            detail=detail,
            trace_id=trace_id.get(),
        )
        _log.info("a caller was refused: %s", detail, extra={"reason": refused.reason})
        try:
            await self._sink.record(entry)
        except AuditUnavailableError:
            _log.error("a refusal could not be recorded", extra={"reason": refused.reason})


def _detail(refused: Refused) -> str:
    asked = refused.asked_tenant
    tenant = f" for tenant {asked if _NAME.fullmatch(asked) else '?'}" if asked else ""
    why = f" ({refused.why})" if refused.why else ""
    return f"{refused.method}{tenant}: {refused.reason}{why}"
