"""Records who does what, before it is done."""

from radgate_server.core.audit import AuditAction, AuditEntry
from radgate_server.core.identifiers import RetrieveScope
from radgate_server.core.ports.audit import AuditSink
from radgate_server.core.ports.clock import Clock
from radgate_server.core.tenancy import Caller
from radgate_server.services.patients import KnownPatients


class Auditor:
    """Turns calls into entries of the audit trail."""

    def __init__(self, sink: AuditSink, clock: Clock, patients: KnownPatients | None = None) -> None:
        self._sink = sink
        self._patients = patients or KnownPatients()
        self._clock = clock

    async def record(
        self,
        caller: Caller,
        action: AuditAction,
        scope: RetrieveScope | None = None,
        detail: str = "",
        *,
        patient_id: str = "",
        pacs: str = "",
        size_bytes: int | None = None,
    ) -> None:
        """Record one access; returns when it is committed.

        `size_bytes` is what will be sent or stored, if known. The patient that is not given is that of the study, if a
        search of late told.

        Raises:
            AuditUnavailableError: it could not be recorded, so nothing may be served.
        """
        if scope and not patient_id:
            patient_id = self._patients.of_study(caller.tenant_id, scope.study_instance_uid)
        await self._sink.record(
            AuditEntry(
                time=self._clock.now(),
                tenant_id=caller.tenant_id,
                principal=caller.principal.name,
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
                patient_id=patient_id,
                pacs=pacs,
                size_bytes=size_bytes,
            )
        )
