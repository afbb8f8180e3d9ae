"""Records who does what, before it is done."""

from typing import NamedTuple

from radgate_server.core.access.tenancy import Caller
from radgate_server.core.audit.ports.trail import AuditSink
from radgate_server.core.audit.record import AuditAction, AuditEntry, AuditOutcome
from radgate_server.core.audit.studies_shown import ShownList, parts_of
from radgate_server.core.cache.accesses import AccessKind, current_access
from radgate_server.core.dicom.family_name import family_name_in
from radgate_server.core.dicom.identifiers import RetrieveScope
from radgate_server.core.telemetry.request_context import trace_id
from radgate_server.lib.clock import Clock
from radgate_server.lib.ttl_cache import TtlCache
from radgate_server.services.query.known_studies import KnownStudies, KnownStudy

LISTED_S = 600.0
"""Who asks for the same list again and again, as viewers do, has it in the trail once in so many seconds."""

MAX_LISTED = 20_000
"""Lists of users that are remembered as recorded; what is forgotten is recorded again."""


_RECORDED_AS = {
    AccessKind.RETRIEVE: AuditAction.RETRIEVE,
    AccessKind.FRAMES: AuditAction.RETRIEVE_FRAMES,
    AccessKind.METADATA: AuditAction.RETRIEVE_METADATA,
    AccessKind.BULKDATA: AuditAction.RETRIEVE_BULKDATA,
    AccessKind.RENDERED: AuditAction.RENDER,
    AccessKind.TRANSCODED: AuditAction.TRANSCODE,
}
_ACCESSES = {action: kind for kind, action in _RECORDED_AS.items()}
"""The actions that are accesses to what is cached of a study."""


def _unknown_study(_tenant_id: str, _study_instance_uid: str) -> KnownStudy:
    """What is known of a study by who records nothing of studies."""
    return KnownStudy()


class AuditedPatient(NamedTuple):
    """Whom an access concerns, as far as that is given: a Patient ID, and the Patient's Name that is searched for."""

    patient_id: str = ""
    asked_name: str = ""


NOT_SAID = AuditedPatient()


class Auditor:
    """Turns calls into entries of the audit trail."""

    def __init__(self, sink: AuditSink, clock: Clock, studies: KnownStudies | None = None) -> None:
        self._sink = sink
        self._study = studies.of_study if studies else _unknown_study
        self._clock = clock
        self._listed: TtlCache[tuple[str, ...], bool] = TtlCache(ttl_s=LISTED_S, max_weight=MAX_LISTED, clock=clock)

    async def record(
        self,
        caller: Caller,
        action: AuditAction,
        scope: RetrieveScope | None = None,
        detail: str = "",
        *,
        patient: AuditedPatient = NOT_SAID,
        pacs: str = "",
        size_bytes: int | None = None,
        outcome: AuditOutcome = AuditOutcome.GRANTED,
    ) -> None:
        """Record one access; returns when that is stored.

        `size_bytes` is what will be sent or stored, if known. The patient and the PACS that are not given are those of
        the study, as far as they are known.

        Raises:
            AuditUnavailableError: it could not be recorded, so nothing may be served.
        """
        patient_id, asked_name = patient
        own_name = caller.principal.family_name
        same_family_name = bool(asked_name) and family_name_in(asked_name.split("=")).is_shared_with(own_name)
        if scope:
            known = self._study(caller.tenant_id, scope.study_instance_uid)
            patient_id, pacs = patient_id or known.patient_id or "", pacs or known.pacs
            # A list shows all and sundry: what is accessed or searched for is marked.
            same_family_name = same_family_name or (action is not AuditAction.LIST and known.is_of_family(own_name))
        await self._sink.record(
            AuditEntry(
                time=self._clock.now(),
                tenant_id=caller.tenant_id,
                principal=caller.principal.name,
                key_id=caller.principal.key_id,
                role=caller.principal.role.name.lower(),
                action=action,
                outcome=outcome,
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
                trace_id=trace_id.get(),
                break_glass=caller.break_glass,
                same_family_name=same_family_name,
            )
        )
        access, kind = current_access.get(), _ACCESSES.get(action)
        if scope and outcome is AuditOutcome.GRANTED and access is not None and kind is not None:
            access.granted(kind, scope.study_instance_uid)

    async def record_list(self, caller: Caller, level: str, shown: ShownList) -> str:
        """Record which studies and patients a page names; returns what the record of its search says.

        A list that the caller was shown within LISTED_S is not recorded again: the search's record names its digest.

        Raises:
            AuditUnavailableError: it could not be recorded, so nothing may be served.
        """
        if not shown.digest:
            return level
        who = caller.principal
        key = (caller.tenant_id, who.key_id, who.name, caller.break_glass, shown.digest)
        if self._listed.get(key) is None:
            known = self._study
            pairs = [
                (study, patient or known(caller.tenant_id, study).patient_id or "") for study, patient in shown.pairs
            ]
            for part in parts_of(shown.digest, pairs):
                scope = RetrieveScope(part.studies)
                await self.record(caller, AuditAction.LIST, scope, part.detail, patient=AuditedPatient(part.patients))
            self._listed.put(key, True)
        return f"{level}; list {shown.digest}"

    async def record_reading(
        self,
        caller: Caller,
        action: AuditAction,
        scope: RetrieveScope | None = None,
        detail: str = "",
        *,
        patient_id: str = "",
    ) -> None:
        """Record that the trail itself is read; returns when its readers find that, and all that was recorded before.

        Raises:
            AuditUnavailableError: it could not be recorded.
            DatabaseUnavailableError: records still wait for the database.
        """
        await self.record(caller, action, scope, detail, patient=AuditedPatient(patient_id))
        await self.settle()

    async def settle(self) -> None:
        """Return when the trail's readers find what was recorded before. Raises DatabaseUnavailableError."""
        await self._sink.settle()
