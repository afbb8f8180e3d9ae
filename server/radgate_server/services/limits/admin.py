"""What tenants and their callers may use: looked at and changed. Every change is recorded before it is made."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from radgate_server.core.access.ports.directory import KeyDirectory
from radgate_server.core.access.tenancy import ANY_TENANT, Caller
from radgate_server.core.audit.record import AuditAction
from radgate_server.core.errors import InvalidArgumentError, ResourceNotFoundError
from radgate_server.core.limits.meters import Used
from radgate_server.core.limits.model import LIMIT_NAMES, NETWORK_NAMES, Limits, LimitSubject, check_limits, is_address
from radgate_server.core.limits.ports import LimitDirectory, UsageLedger
from radgate_server.lib.clock import Clock
from radgate_server.services.access.claims import is_subject
from radgate_server.services.acting import acting_tenant, insist_on_every_tenant
from radgate_server.services.audit.recording import Auditor
from radgate_server.services.cache.changes import ChangeFollower
from radgate_server.settings.access import AuthSettings
from radgate_server.settings.limits import LimitSettings

type LimitsChange = Callable[[Limits], Limits]
"""Makes of the limits that were set those that shall be."""


@dataclass(frozen=True, slots=True)
class LimitsState:
    """The limits of a tenant or of a principal: what was set, what holds, and what was used today."""

    subject: LimitSubject
    limits: Limits
    in_force: Limits
    used: Used


class LimitsAdmin:
    """What operators and administrators do with limits. Methods act on the caller's tenant."""

    def __init__(
        self,
        directory: LimitDirectory,
        ledger: UsageLedger,
        keys: KeyDirectory,
        settings: LimitSettings,
        auth: AuthSettings,
        follower: ChangeFollower,
        auditor: Auditor,
        clock: Clock,
    ) -> None:
        self.key_defaults = settings.key.limits()
        self._tenant_defaults = settings.tenant.limits()
        self._directory = directory
        self._ledger = ledger
        self._keys = keys
        self._auth = auth
        self._follower = follower
        self._auditor = auditor
        self._clock = clock

    async def list_states(self, caller: Caller) -> Sequence[LimitsState]:
        """The tenant's own first, then those of the principals for which something was set."""
        tenant = LimitSubject(acting_tenant(caller))
        found = {tenant: Limits(), **await self._directory.list_limits()}
        used = await self._ledger.add(self._today(), {})
        subjects = sorted(subject for subject in found if subject.tenant_id == tenant.tenant_id)
        return [self._state(subject, found[subject], used.get(subject, Used())) for subject in subjects]

    async def update(self, caller: Caller, key_id: str, change: LimitsChange) -> LimitsState:
        """Change the limits of a principal for the tenant, or of the tenant itself for "".

        `key_id` names an API key, or as the audit trail does a user of an identity provider or a certificate.

        Raises:
            InvalidArgumentError: they make no sense, or would shut out the caller itself.
            ResourceNotFoundError: the tenant has no such key, or nobody can come under that name; who runs the
                installation may change what was set for those who were there once.
            RoleNotAllowedError: a tenant's own admin may not say how much the tenant may use.
        """
        subject = LimitSubject(acting_tenant(caller), key_id)
        were_set = await self._directory.list_limits()
        if key_id and not (subject in were_set and caller.principal.may_use_every_tenant):  # what was set can be ended
            await self._require_principal(caller, subject)
        before = were_set.get(subject, Limits())
        limits = change(before)
        check_limits(limits)
        changed = [name for name in LIMIT_NAMES if getattr(limits, name) != getattr(before, name)]
        if not key_id and not set(changed) <= set(NETWORK_NAMES):
            insist_on_every_tenant(caller, "say how much a tenant may use")
        if key_id in ("", caller.principal.key_id) and is_address(caller.address) and not limits.admits(caller.address):
            raise InvalidArgumentError("limits", "these networks would shut out the address that this call comes from")
        detail = f"set limits of {_described(key_id)}: {', '.join(changed) or 'nothing'}"
        await self._auditor.record(caller, AuditAction.CONFIGURE, detail=detail)
        await self._directory.put_limits(subject, limits)
        await self._follower.catch_up()
        used = await self._ledger.add(self._today(), {})
        return self._state(subject, limits, used.get(subject, Used()))

    async def _require_principal(self, caller: Caller, subject: LimitSubject) -> None:
        may_see = {subject.tenant_id, *([ANY_TENANT] if caller.principal.may_use_every_tenant else [])}
        if ":" in subject.key_id:
            if not _may_come(subject.key_id, may_see, self._auth):
                raise ResourceNotFoundError(
                    "nobody of this name can use the tenant; names are oidc:PROVIDER:USER or certificate:NAME"
                )
            return
        key = await self._keys.find_key(subject.key_id)
        if key is None or may_see.isdisjoint(key.tenant_ids):
            raise ResourceNotFoundError("the tenant has no such key")

    def _state(self, subject: LimitSubject, limits: Limits, used: Used) -> LimitsState:
        defaults = self.key_defaults if subject.key_id else self._tenant_defaults
        return LimitsState(subject, limits, limits.over(defaults), used)

    def _today(self) -> int:
        return self._clock.now().toordinal()


def _described(key_id: str) -> str:
    return key_id if ":" in key_id else f"key {key_id}" if key_id else "the tenant"


def _may_come(principal: str, tenant_ids: Collection[str], settings: AuthSettings) -> bool:
    """Whether a caller of that name ("oidc:PROVIDER:USER", "certificate:NAME") can have a credential for one of these.

    Which tenants a user may use is in the user's own token; so every user of a provider can.
    """
    kind, _, name = principal.partition(":")
    if kind == "oidc":
        provider, _, user = name.partition(":")
        return is_subject(user) and any(provider == known.name for known in settings.oidc)
    named = [known for known in settings.certificates if kind == "certificate" and known.name == name]
    return any(not set(known.tenants).isdisjoint(tenant_ids) for known in named)
