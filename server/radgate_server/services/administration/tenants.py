"""Running Radgate: tenants, API keys and caches; PACS are PacsAdmin's. Every change is recorded before it is made."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from radgate_server.core.access.ports.directory import KeyDirectory, TenantDirectory
from radgate_server.core.access.restriction import StudyRestriction
from radgate_server.core.access.tenancy import ANY_TENANT, ApiKey, Caller, Principal, Role, Tenant
from radgate_server.core.audit.record import AuditAction
from radgate_server.core.cache.ports.tiers import TierUsage
from radgate_server.core.dicom.identifiers import parse_slug
from radgate_server.core.errors import InvalidArgumentError, ResourceNotFoundError, TenantNotAllowedError
from radgate_server.core.secrets.ports import Fingerprints
from radgate_server.lib.clock import Clock
from radgate_server.services.access.api_keys import is_key_id, make_key
from radgate_server.services.acting import acting_tenant, insist_on_every_tenant
from radgate_server.services.administration.cache_report import CacheReports
from radgate_server.services.administration.cache_selection import CacheSelection
from radgate_server.services.administration.pacs import PacsAdmin
from radgate_server.services.audit.recording import Auditor
from radgate_server.services.audit.tenants import creation_of
from radgate_server.services.cache.access_statistics import AccessStatistics
from radgate_server.services.cache.changes import ChangeFollower
from radgate_server.services.cache.invalidation import SharedInvalidation
from radgate_server.services.limits.admin import LimitsAdmin
from radgate_server.services.prefetch.administration import PrefetchAdmin
from radgate_server.services.prefetch.rules import PriorAdmin
from radgate_server.services.quarantine.storing import QuarantineAdmin
from radgate_server.services.secrets.administration import SecretAdmin

MAX_LABEL_LENGTH = 200
MAX_OVERLAP = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class AdminSubjects:
    """What is administered apart from tenants and keys.

    `pacs` is for what they do with PACS, `secrets` for the key that secrets are sealed under, `limits` for what tenants
    and keys may use, `quarantine` for refused instances.
    """

    pacs: PacsAdmin
    secrets: SecretAdmin
    limits: LimitsAdmin
    quarantine: QuarantineAdmin
    accesses: AccessStatistics
    reports: CacheReports
    prefetch: PrefetchAdmin
    priors: PriorAdmin


class AdminService:
    """What operators and administrators do. Methods act on the caller's tenant where they do not name one."""

    def __init__(
        self,
        subjects: AdminSubjects,
        *,
        tenants: TenantDirectory,
        keys: KeyDirectory,
        caches: SharedInvalidation,
        follower: ChangeFollower,
        box: Fingerprints,
        auditor: Auditor,
        clock: Clock,
    ) -> None:
        self.pacs = subjects.pacs
        self.secrets = subjects.secrets
        self.limits = subjects.limits
        self.quarantine = subjects.quarantine
        self.accesses = subjects.accesses
        self.reports = subjects.reports
        self.prefetch = subjects.prefetch
        self.priors = subjects.priors
        self._tenants = tenants
        self._keys = keys
        self._caches = caches
        self._follower = follower
        self._box = box
        self._auditor = auditor
        self._clock = clock

    async def create_tenant(self, caller: Caller, tenant_id: str) -> Tenant:
        """Create a tenant. Raises ResourceExistsError."""
        insist_on_every_tenant(caller, "manage tenants")
        tenant = Tenant(parse_slug(tenant_id, "tenant_id"), self._clock.now())
        await self._auditor.record(caller, AuditAction.CONFIGURE, detail=creation_of(tenant_id))
        await self._tenants.create_tenant(tenant)
        # A former tenant of this name may have left something: what was in progress when it was deleted came in later.
        await self._caches.drop(tenant_id)
        return tenant

    async def list_tenants(self, caller: Caller) -> Sequence[Tenant]:
        """The tenants that the caller may use."""
        return [tenant for tenant in await self._tenants.list_tenants() if caller.principal.may_use(tenant.tenant_id)]

    async def update_tenant(self, caller: Caller, tenant_id: str, *, hide_rejected: bool) -> Tenant:
        """Say whether the tenant hides what rejection notes reject. A tenant's own admin may.

        Raises:
            TenantNotAllowedError: the caller may not use the tenant.
            ResourceNotFoundError: there is none.
        """
        parse_slug(tenant_id, "tenant_id")
        if not caller.principal.may_use(tenant_id):
            raise TenantNotAllowedError("this credential may not use the tenant that is named")
        detail = f"set tenant: {'hide' if hide_rejected else 'show'} rejected instances"
        await self._auditor.record(replace(caller, tenant_id=tenant_id), AuditAction.CONFIGURE, detail=detail)
        tenant = await self._tenants.update_tenant(tenant_id, hide_rejected=hide_rejected)
        await self._follower.catch_up()
        return tenant

    async def delete_tenant(self, caller: Caller, tenant_id: str) -> None:
        """Delete a tenant, its PACS, its keys' right to it and its cached data.

        Raises:
            ResourceNotFoundError: there is none.
            LegalHoldError: something of it is held.
        """
        insist_on_every_tenant(caller, "manage tenants")
        parse_slug(tenant_id, "tenant_id")
        await self._auditor.record(caller, AuditAction.CONFIGURE, detail=f"delete tenant {tenant_id}")
        await self._tenants.delete_tenant(tenant_id)
        await self._caches.drop(tenant_id)

    async def create_key(
        self,
        caller: Caller,
        role: Role,
        label: str,
        tenant_ids: Sequence[str] = (),
        expire_time: datetime | None = None,
        restriction: StudyRestriction | None = None,
    ) -> tuple[ApiKey, str]:
        """Create an API key, of the caller's tenant when none is named; the token is never shown again.

        Raises:
            TenantNotAllowedError: the caller may not use a tenant that is named.
            ResourceNotFoundError: there is no such tenant.
        """
        named = tuple(tenant_ids) or (acting_tenant(caller),)
        if not all(caller.principal.may_use(tenant_id) for tenant_id in named):
            raise TenantNotAllowedError("this API key may not use a tenant that is named")
        if ANY_TENANT in named and len(named) > 1:
            raise InvalidArgumentError("tenant_ids", f"{ANY_TENANT!r} stands for every tenant and stands alone")
        if len(label) > MAX_LABEL_LENGTH:
            raise InvalidArgumentError("label", f"at most {MAX_LABEL_LENGTH} characters")
        if restriction is not None and role is not Role.VIEWER:
            raise InvalidArgumentError("role", "a key for some studies alone may query and retrieve: it is a viewer's")
        now = self._clock.now()
        if expire_time is not None and expire_time <= now:
            raise InvalidArgumentError("expire_time", "must lie in the future")
        key, token = make_key(self._box, named, role, label, now, expire_time, restriction)
        await self._auditor.record(
            caller, AuditAction.CONFIGURE, detail=f"create key {key.key_id}{_audited(restriction)}"
        )
        await self._keys.create_key(key)
        await self._follower.catch_up()
        return key, token

    async def list_keys(self, caller: Caller) -> Sequence[ApiKey]:
        """The tenant's API keys; without a tenant, those for every tenant.

        Of a key that may use other tenants too, those are left out that the caller may not, and the label with them.
        """
        keys = await self._keys.list_keys(caller.tenant_id or ANY_TENANT)
        return [_shown_to(caller.principal, key) for key in keys]

    async def revoke_key(self, caller: Caller, key_id: str) -> ApiKey:
        """Revoke an API key of the tenant; without a tenant, one for every tenant.

        Raises:
            ResourceNotFoundError: the tenant has no such key.
            TenantNotAllowedError: it may use a tenant that the caller may not.
        """
        await self._own_key(caller, key_id)
        await self._auditor.record(caller, AuditAction.CONFIGURE, detail=f"revoke key {key_id}")
        key = await self._keys.revoke_key(key_id, caller.tenant_id or ANY_TENANT)
        await self._follower.catch_up()
        return key

    async def rotate_key(self, caller: Caller, key_id: str, overlap: timedelta) -> tuple[ApiKey, str]:
        """Make a new key with the rights of an old one, which ends after `overlap`; the token is never shown again.

        The new one lives as long as the old one was to live, counted from now.

        Raises:
            ResourceNotFoundError: the tenant has no such key that is good and was not rotated already.
            TenantNotAllowedError: the old key may use a tenant that the caller may not.
        """
        if not timedelta(0) <= overlap <= MAX_OVERLAP:
            raise InvalidArgumentError("overlap", f"must be from 0 seconds to {MAX_OVERLAP.days} days")
        old = await self._own_key(caller, key_id)
        now = self._clock.now()
        expire_time = None if old.expire_time is None else now + (old.expire_time - old.create_time)
        new, token = make_key(self._box, old.tenant_ids, old.role, old.label, now, expire_time, old.restriction)
        await self._auditor.record(caller, AuditAction.CONFIGURE, detail=f"rotate key {key_id} to {new.key_id}")
        await self._keys.replace_key(key_id, new, now + overlap)
        await self._follower.catch_up()
        return new, token

    async def _own_key(self, caller: Caller, key_id: str) -> ApiKey:
        """The tenant's key, if it is no other tenant's too. Raises as `revoke_key`."""
        key = await self._keys.find_key(key_id) if is_key_id(key_id) else None
        if key is None or (caller.tenant_id or ANY_TENANT) not in key.tenant_ids:
            raise ResourceNotFoundError("the tenant has no such key")
        if not _may_use_all(caller.principal, key):
            raise TenantNotAllowedError(
                "the key may use another tenant too, whose admin you are not; to keep it out of this one, limit its"
                " networks here, or ask who runs the installation"
            )
        return key

    async def cache_stats(self, caller: Caller) -> tuple[TierUsage, ...]:
        """What the tiers hold for the tenant, the nearest first."""
        return await self._caches.tiers.usage(acting_tenant(caller))

    async def invalidate_cache(self, caller: Caller, chosen: CacheSelection, *, dry_run: bool = False) -> int:
        """Throw away what is cached for the tenant and chosen; return how many instances that were, or would be.

        Raises:
            InvalidArgumentError: a UID or name is none, or a series is chosen without its study.
        """
        scope = chosen.scope(acting_tenant(caller), self._clock.now())
        detail = f"invalidate cache{chosen.audited()}{': dry run' if dry_run else ''}"
        await self._auditor.record(caller, AuditAction.CONFIGURE, chosen.retrieve_scope(), detail)
        return await (self._caches.count(scope) if dry_run else self._caches.drop_part(scope))


def _may_use_all(principal: Principal, key: ApiKey) -> bool:
    return all(principal.may_use(tenant_id) for tenant_id in key.tenant_ids)


def _shown_to(principal: Principal, key: ApiKey) -> ApiKey:
    if _may_use_all(principal, key):
        return key
    return replace(key, label="", tenant_ids=tuple(filter(principal.may_use, key.tenant_ids)))


def _audited(restriction: StudyRestriction | None) -> str:
    """Names the attributes alone: their values are patient data."""
    return "" if restriction is None else f", for some studies by {', '.join(restriction.attributes)}"
