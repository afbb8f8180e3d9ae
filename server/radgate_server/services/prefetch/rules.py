"""What administrators do about the rules by which priors are prefetched."""

from collections.abc import Sequence
from dataclasses import replace

from radgate_server.core.access.tenancy import Caller
from radgate_server.core.audit.record import AuditAction
from radgate_server.core.dicom.identifiers import RetrieveScope, parse_slug, parse_uid
from radgate_server.core.errors import ResourceNotFoundError
from radgate_server.core.prefetch.batch import MAX_STUDIES
from radgate_server.core.prefetch.priors import PriorRule, PriorRules, checked, priors_by
from radgate_server.services.acting import acting_tenant
from radgate_server.services.audit.recording import Auditor
from radgate_server.services.prefetch.patient_studies import PatientStudyFinder
from radgate_server.services.prefetch.replaying import RuleReplay, RuleReplayer


class PriorAdmin:
    """Sets rules, chooses priors by them, and replays them."""

    def __init__(self, rules: PriorRules, finder: PatientStudyFinder, replayer: RuleReplayer, auditor: Auditor) -> None:
        self._rules = rules
        self._finder = finder
        self._replayer = replayer
        self._auditor = auditor

    async def list_rules(self, caller: Caller) -> Sequence[PriorRule]:
        """The tenant's, by name."""
        return await self._rules.list_rules(acting_tenant(caller))

    async def set_rule(self, caller: Caller, rule: PriorRule) -> PriorRule:
        """Add it, or put it in place of the one of that name. Raises InvalidArgumentError: it is none."""
        tenant_id, rule = acting_tenant(caller), checked(rule)
        await self._auditor.record(caller, AuditAction.CONFIGURE, detail=f"set prefetch rule {rule.name}")
        await self._rules.put(tenant_id, rule)
        return rule

    async def delete_rule(self, caller: Caller, name: str) -> None:
        """Remove it. Raises ResourceNotFoundError."""
        tenant_id, name = acting_tenant(caller), parse_slug(name, "name")
        await self._auditor.record(caller, AuditAction.CONFIGURE, detail=f"delete prefetch rule {name}")
        await self._rules.delete(tenant_id, name)

    async def choose(self, caller: Caller, study_instance_uid: str, name: str = "") -> Sequence[str]:
        """Priors of the study by the rule of that name, or by all that are enabled; each once.

        Raises:
            ResourceNotFoundError: there is no such rule.
            ObjectNotFoundError: no PACS of the tenant has the study.
            PacsError: none answers.
        """
        tenant_id, study = acting_tenant(caller), parse_uid(study_instance_uid, "study_instance_uid")
        rules = [rule for rule in await self._rules.list_rules(tenant_id) if rule.name == name or not name]
        if name and not rules:
            raise ResourceNotFoundError("there is no rule of that name; list the rules to see those there are")
        await self._auditor.record(caller, AuditAction.CONFIGURE, RetrieveScope(study), "choose priors to prefetch")
        rules = [rule for rule in rules if rule.enabled or name]
        body_parts = any(rule.same_body_part for rule in rules)
        found = await self._finder.find(tenant_id, study, body_parts=body_parts)
        return priors_by(rules, found.read, found.studies)[:MAX_STUDIES]

    async def replay(self, caller: Caller, rule: PriorRule, days: int) -> RuleReplay:
        """What the rule would have fetched in the last days; it need not be set.

        Raises:
            InvalidArgumentError: it is no rule, or so many days can't be asked for.
            PacsError: no PACS answers.
        """
        tenant_id = acting_tenant(caller)
        rule = checked(rule if rule.name else replace(rule, name="replayed"))
        await self._auditor.record(caller, AuditAction.CONFIGURE, detail=f"replay prefetch rule {rule.name}")
        return await self._replayer.replay(tenant_id, rule, days)
