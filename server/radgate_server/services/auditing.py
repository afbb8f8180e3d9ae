"""Records who does what, before it is done."""

from radgate_server.core.audit import AuditAction, AuditEntry
from radgate_server.core.identifiers import RetrieveScope
from radgate_server.core.ports.audit import AuditSink
from radgate_server.core.ports.clock import Clock
from radgate_server.core.tenancy import Caller


class Auditor:
    """Turns calls into entries of the audit trail."""

    def __init__(self, sink: AuditSink, clock: Clock) -> None:
        self._sink = sink
        self._clock = clock

    async def record(
        self, caller: Caller, action: AuditAction, scope: RetrieveScope | None = None, detail: str = ""
    ) -> None:
        """Record one access; returns when it is committed.

        Raises:
            AuditUnavailableError: it could not be recorded, so nothing may be served.
        """
        await self._sink.record(
            AuditEntry(
                time=self._clock.now(),
                tenant_id=caller.tenant_id,
                key_id=caller.principal.key_id,
                role=caller.principal.role.name.lower(),
                action=action,
                study_instance_uid=scope.study_instance_uid if scope else "",
                series_instance_uid=(scope.series_instance_uid or "") if scope else "",
                sop_instance_uid=(scope.sop_instance_uid or "") if scope else "",
                address=caller.address,
                user_agent=caller.user_agent,
                request_id=caller.request_id,
                detail=detail,
            )
        )
