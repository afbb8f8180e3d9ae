"""PrefetchService: fetching studies before somebody asks for them."""

from dataclasses import asdict

from radgate.v1 import prefetch_service_pb2 as messages
from radgate_server.core.prefetch.batch import RULES, PrefetchedStudy, PrefetchOutcome
from radgate_server.core.prefetch.priors import DEFAULT_LAST, PriorRule, Trigger
from radgate_server.rpc.pipeline.call import Call
from radgate_server.rpc.v1.convert.jobs import to_job
from radgate_server.rpc.v1.convert.times import to_timestamp
from radgate_server.rpc.v1.enum_words import ERROR_REASONS, PREFETCH_TRIGGERS
from radgate_server.rpc.v1.streams.page_token import requested_page
from radgate_server.services.prefetch.administration import PrefetchAdmin
from radgate_server.services.prefetch.replaying import DEFAULT_DAYS
from radgate_server.services.prefetch.rules import PriorAdmin

# ruff: noqa: N802 (rpcs keep their names)

_OUTCOMES = {
    PrefetchOutcome.FETCHED: messages.PREFETCH_OUTCOME_FETCHED,
    PrefetchOutcome.CACHED: messages.PREFETCH_OUTCOME_CACHED,
    PrefetchOutcome.INCOMPLETE: messages.PREFETCH_OUTCOME_INCOMPLETE,
    PrefetchOutcome.NOT_STORED: messages.PREFETCH_OUTCOME_NOT_STORED,
    PrefetchOutcome.ERASED: messages.PREFETCH_OUTCOME_ERASED,
    PrefetchOutcome.REJECTED: messages.PREFETCH_OUTCOME_REJECTED,
    PrefetchOutcome.NOT_FOUND: messages.PREFETCH_OUTCOME_NOT_FOUND,
    PrefetchOutcome.FAILED: messages.PREFETCH_OUTCOME_FAILED,
}


class PrefetchServicer:
    """radgate.v1.PrefetchService."""

    def __init__(self, prefetch: PrefetchAdmin, priors: PriorAdmin) -> None:
        self._prefetch = prefetch
        self._priors = priors

    async def PrefetchStudies(
        self, request: messages.PrefetchStudiesRequest, call: Call
    ) -> messages.PrefetchStudiesResponse:
        """Take a job that fetches studies."""
        job = await self._prefetch.prefetch(call.caller, request.study_instance_uids, request.request_id)
        return messages.PrefetchStudiesResponse(job=to_job(job))

    async def ListPrefetchedStudies(
        self, request: messages.ListPrefetchedStudiesRequest, call: Call
    ) -> messages.ListPrefetchedStudiesResponse:
        """List what became of the studies of a job."""
        page = requested_page(request, call.caller.tenant_id)
        found, following = page.cut(await self._prefetch.outcomes(call.caller, request.job_id))
        return messages.ListPrefetchedStudiesResponse(studies=map(_to_study, found), next_page_token=following)

    async def PrefetchPriors(
        self, request: messages.PrefetchPriorsRequest, call: Call
    ) -> messages.PrefetchPriorsResponse:
        """Take a job that fetches priors of a study."""
        chosen = await self._priors.choose(call.caller, request.study_instance_uid, request.rule)
        if not chosen:
            return messages.PrefetchPriorsResponse()
        job = await self._prefetch.prefetch(call.caller, chosen, source=request.rule or RULES)
        return messages.PrefetchPriorsResponse(job=to_job(job))

    async def ListPrefetchRules(
        self, request: messages.ListPrefetchRulesRequest, call: Call
    ) -> messages.ListPrefetchRulesResponse:
        """List the rules."""
        page = requested_page(request, call.caller.tenant_id)
        found, following = page.cut(await self._priors.list_rules(call.caller))
        return messages.ListPrefetchRulesResponse(rules=map(_to_rule, found), next_page_token=following)

    async def SetPrefetchRule(
        self, request: messages.SetPrefetchRuleRequest, call: Call
    ) -> messages.SetPrefetchRuleResponse:
        """Set a rule."""
        rule = await self._priors.set_rule(call.caller, _from_rule(request.rule))
        return messages.SetPrefetchRuleResponse(rule=_to_rule(rule))

    async def DeletePrefetchRule(
        self, request: messages.DeletePrefetchRuleRequest, call: Call
    ) -> messages.DeletePrefetchRuleResponse:
        """Delete a rule."""
        await self._priors.delete_rule(call.caller, request.name)
        return messages.DeletePrefetchRuleResponse()

    async def ReplayPrefetchRule(
        self, request: messages.ReplayPrefetchRuleRequest, call: Call
    ) -> messages.ReplayPrefetchRuleResponse:
        """Report what a rule would have fetched."""
        found = await self._priors.replay(call.caller, _from_rule(request.rule), request.days or DEFAULT_DAYS)
        return messages.ReplayPrefetchRuleResponse(
            since=to_timestamp(found.since),
            patients=found.patients,
            sampled_patients=found.sampled,
            **asdict(found.counts),
        )


def _from_rule(rule: messages.PrefetchRule) -> PriorRule:
    return PriorRule(
        rule.name,
        rule.last or DEFAULT_LAST,
        rule.max_age_days,
        rule.same_modality,
        rule.same_body_part,
        rule.enabled,
        frozenset(Trigger(PREFETCH_TRIGGERS.word(each, "rule.triggers")) for each in rule.triggers),
    )


def _to_rule(rule: PriorRule) -> messages.PrefetchRule:
    triggers = [PREFETCH_TRIGGERS.number(trigger) for trigger in sorted(rule.triggers)]
    return messages.PrefetchRule(**{**asdict(rule), "triggers": triggers})


def _to_study(row: PrefetchedStudy) -> messages.PrefetchedStudy:
    return messages.PrefetchedStudy(
        study_instance_uid=row.study_instance_uid,
        outcome=_OUTCOMES[row.outcome],
        reason=ERROR_REASONS.number(row.reason),
        instances=row.instances,
        fetched_instances=row.fetched_instances,
        failed_instances=row.failed_instances,
        fetched_bytes=row.fetched_bytes,
        time=to_timestamp(row.time),
    )
