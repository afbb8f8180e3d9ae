"""Running Radgate: tenants, API keys, PACS and caches. Every change is recorded before it is made."""

from collections.abc import Sequence

from radgate_server.core.audit import AuditAction
from radgate_server.core.errors import (
    InvalidArgumentError,
    ResourceNotFoundError,
    RoleNotAllowedError,
    TenantNotAllowedError,
)
from radgate_server.core.identifiers import RetrieveScope, parse_slug, parse_uid
from radgate_server.core.pacs import PacsConfig, PacsConnection, check_connection, names_private_files
from radgate_server.core.ports.cache import HotCache, InstanceStore, TierUsage
from radgate_server.core.ports.clock import Clock
from radgate_server.core.ports.directory import ChangeFeed, KeyDirectory, PacsDirectory, TenantDirectory
from radgate_server.core.ports.pacs import EchoReport
from radgate_server.core.ports.secrets import SecretBox
from radgate_server.core.tenancy import ANY_TENANT, ApiKey, Caller, Role, Tenant
from radgate_server.services.api_keys import is_key_id, make_key
from radgate_server.services.auditing import Auditor
from radgate_server.services.changes import ChangeFollower
from radgate_server.services.pacs_clients import PacsClients

MAX_LABEL_LENGTH = 200


class AdminService:
    """What operators and administrators do. Methods act on the caller's tenant where they do not name one."""

    def __init__(
        self,
        *,
        tenants: TenantDirectory,
        keys: KeyDirectory,
        pacs: PacsDirectory,
        feed: ChangeFeed,
        follower: ChangeFollower,
        clients: PacsClients,
        hot: HotCache | None,
        store: InstanceStore,
        box: SecretBox,
        auditor: Auditor,
        clock: Clock,
    ) -> None:
        self._tenants = tenants
        self._keys = keys
        self._pacs = pacs
        self._feed = feed
        self._follower = follower
        self._clients = clients
        self._hot = hot
        self._store = store
        self._box = box
        self._auditor = auditor
        self._clock = clock

    async def create_tenant(self, caller: Caller, tenant_id: str) -> Tenant:
        """Create a tenant. Raises ResourceExistsError."""
        _insist_on_every_tenant(caller)
        tenant = Tenant(parse_slug(tenant_id, "tenant_id"), self._clock.now())
        await self._auditor.record(caller, AuditAction.CONFIGURE, detail=f"create tenant {tenant_id}")
        await self._tenants.create_tenant(tenant)
        # A former tenant of this name may have left something: what was under way when it was deleted came in later.
        await self._drop_cached(tenant_id)
        return tenant

    async def list_tenants(self, caller: Caller) -> Sequence[Tenant]:
        """The tenants that the caller may use."""
        return [tenant for tenant in await self._tenants.list_tenants() if caller.principal.may_use(tenant.tenant_id)]

    async def delete_tenant(self, caller: Caller, tenant_id: str) -> None:
        """Delete a tenant, its PACS, its keys' right to it and its cached data. Raises ResourceNotFoundError."""
        _insist_on_every_tenant(caller)
        parse_slug(tenant_id, "tenant_id")
        await self._auditor.record(caller, AuditAction.CONFIGURE, detail=f"delete tenant {tenant_id}")
        await self._tenants.delete_tenant(tenant_id)
        await self._drop_cached(tenant_id)

    async def create_key(
        self, caller: Caller, role: Role, label: str, tenant_ids: Sequence[str] = ()
    ) -> tuple[ApiKey, str]:
        """Create an API key, of the caller's tenant when none is named; the token is never shown again.

        Raises:
            TenantNotAllowedError: the caller may not use a tenant that is named.
            ResourceNotFoundError: there is no such tenant.
        """
        named = tuple(tenant_ids) or (_tenant(caller),)
        if not all(caller.principal.may_use(tenant_id) for tenant_id in named):
            raise TenantNotAllowedError("this API key may not use a tenant that is named")
        if ANY_TENANT in named and len(named) > 1:
            raise InvalidArgumentError("tenant_ids", f"{ANY_TENANT!r} stands for every tenant and stands alone")
        if len(label) > MAX_LABEL_LENGTH:
            raise InvalidArgumentError("label", f"at most {MAX_LABEL_LENGTH} characters")
        key, token = make_key(self._box, named, role, label, self._clock.now())
        await self._auditor.record(caller, AuditAction.CONFIGURE, detail=f"create key {key.key_id}")
        await self._keys.create_key(key)
        await self._follower.catch_up()
        return key, token

    async def list_keys(self, caller: Caller) -> Sequence[ApiKey]:
        """The tenant's API keys; without a tenant, those for every tenant."""
        return await self._keys.list_keys(caller.tenant_id or ANY_TENANT)

    async def revoke_key(self, caller: Caller, key_id: str) -> ApiKey:
        """Revoke an API key of the tenant; without a tenant, one for every tenant. Raises ResourceNotFoundError."""
        if not is_key_id(key_id):
            raise ResourceNotFoundError("the tenant has no such key")
        await self._auditor.record(caller, AuditAction.CONFIGURE, detail=f"revoke key {key_id}")
        key = await self._keys.revoke_key(key_id, caller.tenant_id or ANY_TENANT)
        await self._follower.catch_up()
        return key

    async def create_pacs(self, caller: Caller, name: str, connection: PacsConnection) -> PacsConfig:
        """Add a PACS. Raises ResourceExistsError, InvalidArgumentError, RoleNotAllowedError."""
        tenant_id = _tenant(caller)
        if names_private_files(connection):
            _insist_on_every_tenant(caller, "name folders or keys of this machine")
        config = PacsConfig(tenant_id, parse_slug(name, "name"), check_connection(connection), self._clock.now())
        await self._auditor.record(caller, AuditAction.CONFIGURE, detail=f"create pacs {name}")
        await self._pacs.create_pacs(config)
        await self._follower.catch_up()
        return config

    async def get_pacs(self, caller: Caller, name: str) -> PacsConfig:
        """One PACS. Raises ResourceNotFoundError."""
        for config in await self._pacs.list_pacs(_tenant(caller)):
            if config.name == name:
                return config
        raise ResourceNotFoundError("the tenant has no PACS of this name", kind="pacs")

    async def list_pacs(self, caller: Caller) -> Sequence[PacsConfig]:
        """The tenant's PACS in order of precedence."""
        return await self._pacs.list_pacs(_tenant(caller))

    async def delete_pacs(self, caller: Caller, name: str) -> None:
        """Remove a PACS and what is cached for the tenant, which may come from it. Raises ResourceNotFoundError."""
        tenant_id = _tenant(caller)
        parse_slug(name, "name")
        await self._auditor.record(caller, AuditAction.CONFIGURE, detail=f"delete pacs {name}")
        await self._pacs.delete_pacs(tenant_id, name)
        await self._drop_cached(tenant_id)

    async def test_pacs(self, caller: Caller, name: str) -> EchoReport:
        """Ask a PACS for a sign of life. Raises ResourceNotFoundError, PacsError."""
        client = await self._clients.named(_tenant(caller), name)
        return await client.echo.echo()

    async def cache_stats(self, caller: Caller) -> tuple[TierUsage, ...]:
        """What the tiers hold for the tenant, the nearest first; the hot one only where there is one (in a server)."""
        tenant_id = _tenant(caller)
        warm = await self._store.usage(tenant_id)
        return (warm,) if self._hot is None else (await self._hot.usage(tenant_id), warm)

    async def invalidate_cache(self, caller: Caller, study_instance_uid: str | None) -> int:
        """Throw away what is cached for the tenant, or for one study; return how many instances that were."""
        tenant_id = _tenant(caller)
        scope = None
        if study_instance_uid is not None:
            scope = RetrieveScope(parse_uid(study_instance_uid, "study_instance_uid"))
        await self._auditor.record(caller, AuditAction.CONFIGURE, scope, "invalidate cache")
        return await self._drop_cached(tenant_id, study_instance_uid)

    async def _drop_cached(self, tenant_id: str, study_instance_uid: str | None = None) -> int:
        removed = await self._store.invalidate(tenant_id, study_instance_uid)
        await self._feed.announce_invalidation(tenant_id, study_instance_uid or "")
        await self._follower.catch_up()
        return removed


def _insist_on_every_tenant(caller: Caller, what: str = "manage tenants") -> None:
    if not caller.principal.may_use_every_tenant:
        raise RoleNotAllowedError(f"only a key for every tenant may {what}", needs="admin of every tenant")


def _tenant(caller: Caller) -> str:
    if not caller.tenant_id:
        raise InvalidArgumentError("x-tenant-id", "name the tenant to act for; this key may use every one")
    return caller.tenant_id
