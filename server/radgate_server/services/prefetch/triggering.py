"""Has the priors of a study prefetched that will soon be read, because of an event and not because somebody asks."""

from collections.abc import Sequence
from typing import Protocol

from radgate_server.core.access.tenancy import Caller, Principal, Role
from radgate_server.core.dicom.identifiers import parse_uid
from radgate_server.core.jobs.job import Job
from radgate_server.core.prefetch.batch import MAX_STUDIES
from radgate_server.core.prefetch.expected import ExpectedStudy, TriggerOutcome, is_recent
from radgate_server.core.prefetch.priors import PriorRule, PriorRules, Trigger, priors_by
from radgate_server.core.secrets.ports import Fingerprints
from radgate_server.lib.clock import Clock
from radgate_server.lib.ttl_cache import TtlCache
from radgate_server.services.prefetch.administration import PrefetchAdmin
from radgate_server.services.prefetch.patient_studies import PatientStudyFinder

MAX_HANDLED = 20_000
"""Events that this process remembers; of one that is forgotten the database still has the job."""
_HANDLED_S = 24 * 3600.0


class TriggerTelemetry(Protocol):
    """What is counted of events; cheap, never fails."""

    def prefetch_event(self, source: str, outcome: str) -> None:
        """An event of this source came to this end, a TriggerOutcome."""
        ...


class PriorTrigger:
    """Applies the enabled rules of a tenant that have the event's trigger.

    An event that was handled is not handled again on the same day (UTC). Its job has a `request_id` of the tenant, the
    source, the event and the day, under a keyed hash: it is one job also when several servers have the event.
    """

    def __init__(
        self,
        rules: PriorRules,
        finder: PatientStudyFinder,
        prefetch: PrefetchAdmin,
        fingerprints: Fingerprints,
        clock: Clock,
        telemetry: TriggerTelemetry,
        *,
        recent_days: int,
    ) -> None:
        """Arrivals of studies that are more than `recent_days` days old set nothing off."""
        self._rules = rules
        self._finder = finder
        self._prefetch = prefetch
        self._fingerprints = fingerprints
        self._clock = clock
        self._telemetry = telemetry
        self._recent_days = recent_days
        self._handled: TtlCache[str, bool] = TtlCache(ttl_s=_HANDLED_S, max_weight=MAX_HANDLED, clock=clock)

    async def expect(self, tenant_id: str, source: Trigger, expected: ExpectedStudy) -> Job | None:
        """Have its priors prefetched in the background. Returns None when there is nothing to do, or no more.

        Raises:
            InvalidArgumentError: neither Patient ID nor a Study Instance UID is given.
            ObjectNotFoundError: only its UID is given, and no PACS of the tenant has it.
            PacsError: no PACS of the tenant answers.
            JobQueueFullError: too many jobs of the tenant wait already.
            ResourceNotFoundError: there is no such tenant.
            AuditUnavailableError, DatabaseUnavailableError: nothing was submitted.
        """
        request_id = self._request_id(tenant_id, source, expected)
        if self._handled.get(request_id):
            outcome, job = TriggerOutcome.REPEATED, None
        else:
            outcome, job = await self._handle(tenant_id, source, expected, request_id)
        if outcome is not TriggerOutcome.NO_RULE:  # one may be set any time
            self._handled.put(request_id, True)
        self._telemetry.prefetch_event(source.value, outcome.value)
        return job

    async def has_rule(self, tenant_id: str, source: Trigger) -> bool:
        """Whether an enabled rule of the tenant has this trigger. Raises DatabaseUnavailableError."""
        return bool(await self._rules_of(tenant_id, source))

    async def _rules_of(self, tenant_id: str, source: Trigger) -> Sequence[PriorRule]:
        return [rule for rule in await self._rules.list_rules(tenant_id) if rule.is_set_off_by(source)]

    async def _handle(
        self, tenant_id: str, source: Trigger, expected: ExpectedStudy, request_id: str
    ) -> tuple[TriggerOutcome, Job | None]:
        rules = await self._rules_of(tenant_id, source)
        if not rules:
            return TriggerOutcome.NO_RULE, None
        today = self._clock.now().date()
        if not expected.patient_id:
            study = parse_uid(expected.study_instance_uid, "study_instance_uid")
            expected = await self._finder.identify(tenant_id, study)
        if source is Trigger.ARRIVAL and not is_recent(expected.study_date, today, self._recent_days):
            return TriggerOutcome.NOT_RECENT, None
        body_parts = any(rule.same_body_part for rule in rules)
        found = await self._finder.find_expected(tenant_id, expected, today, body_parts=body_parts)
        chosen = priors_by(rules, found.read, found.studies)[:MAX_STUDIES]
        if not chosen:
            return TriggerOutcome.NO_PRIORS, None
        caller = _caller(tenant_id, source, request_id)
        job = await self._prefetch.prefetch(caller, chosen, request_id, source=source.value)
        return TriggerOutcome.SUBMITTED, job

    def _request_id(self, tenant_id: str, source: Trigger, expected: ExpectedStudy) -> str:
        """64 hexadecimal digits, which nobody without the installation's key can turn back or guess from a number."""
        day = self._clock.now().date().isoformat()
        return self._fingerprints.fingerprint(f"prefetch\n{tenant_id}\n{source}\n{day}\n{expected.identity}").hex()


def _caller(tenant_id: str, source: Trigger, request_id: str) -> Caller:
    """Who asks, as the audit trail has it: no person, but what set the rules off."""
    return Caller(
        Principal(f"trigger:{source}", (tenant_id,), Role.OPERATOR), tenant_id, "local", "radgate prefetch", request_id
    )
