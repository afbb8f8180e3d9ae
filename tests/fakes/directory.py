"""Tenants, keys, PACS and their changes in memory."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from radgate_server.core.errors import ResourceExistsError, ResourceNotFoundError
from radgate_server.core.pacs import PacsConfig
from radgate_server.core.ports.directory import Change, ChangeKind
from radgate_server.core.tenancy import ANY_TENANT, ApiKey, Tenant


def _now() -> datetime:
    return datetime.now(UTC)


class MemoryDirectory:
    """TenantDirectory, KeyDirectory, PacsDirectory and ChangeFeed in one; what is set up is gone with the object."""

    def __init__(self, now: Callable[[], datetime] = _now) -> None:
        self._now = now
        self._tenants: dict[str, Tenant] = {}
        self._keys: dict[str, ApiKey] = {}
        self._pacs: dict[tuple[str, str], PacsConfig] = {}
        self._changes: list[Change] = []

    async def create_tenant(self, tenant: Tenant) -> None:
        if tenant.tenant_id in self._tenants:
            raise ResourceExistsError("there is a tenant of that name already")
        self._tenants[tenant.tenant_id] = tenant
        self._announce(ChangeKind.TENANT, tenant.tenant_id, "")

    async def list_tenants(self) -> Sequence[Tenant]:
        return tuple(self._tenants[tenant_id] for tenant_id in sorted(self._tenants))

    async def delete_tenant(self, tenant_id: str) -> None:
        self._require_tenant(tenant_id)
        del self._tenants[tenant_id]
        for place in [place for place in self._pacs if place[0] == tenant_id]:
            del self._pacs[place]
        for key in [key for key in self._keys.values() if tenant_id in key.tenant_ids]:
            left = tuple(other for other in key.tenant_ids if other != tenant_id)
            self._keys[key.key_id] = replace(key, tenant_ids=left)
            self._announce(ChangeKind.KEY, "", key.key_id)
        self._announce(ChangeKind.TENANT, tenant_id, "")

    async def create_key(self, key: ApiKey) -> None:
        for tenant_id in key.tenant_ids:
            if tenant_id != ANY_TENANT:
                self._require_tenant(tenant_id)
        if key.key_id in self._keys:
            raise ResourceExistsError("there is a key of that identifier already")
        self._keys[key.key_id] = key
        self._announce(ChangeKind.KEY, "", key.key_id)

    async def find_key(self, key_id: str) -> ApiKey | None:
        return self._keys.get(key_id)

    async def list_keys(self, tenant_id: str) -> Sequence[ApiKey]:
        return tuple(key for key in self._keys.values() if tenant_id in key.tenant_ids)

    async def revoke_key(self, key_id: str, tenant_id: str) -> ApiKey:
        key = self._keys.get(key_id)
        if key is None or tenant_id not in key.tenant_ids:
            raise ResourceNotFoundError("the tenant has no such key")
        if key.revoke_time is None:
            key = self._keys[key_id] = replace(key, revoke_time=self._now())
            self._announce(ChangeKind.KEY, "", key_id)
        return key

    async def create_pacs(self, pacs: PacsConfig) -> None:
        self._require_tenant(pacs.tenant_id)
        place = (pacs.tenant_id, pacs.name)
        if place in self._pacs:
            raise ResourceExistsError("the tenant has a PACS of that name already")
        self._pacs[place] = pacs
        self._announce(ChangeKind.PACS, *place)

    async def list_pacs(self, tenant_id: str) -> Sequence[PacsConfig]:
        return tuple(pacs for pacs in self._pacs.values() if pacs.tenant_id == tenant_id)

    async def update_pacs(self, pacs: PacsConfig) -> None:
        place = (pacs.tenant_id, pacs.name)
        if place not in self._pacs:
            raise ResourceNotFoundError("the tenant has no PACS of that name")
        self._pacs[place] = pacs
        self._announce(ChangeKind.PACS, *place)

    async def delete_pacs(self, tenant_id: str, name: str) -> None:
        if self._pacs.pop((tenant_id, name), None) is None:
            raise ResourceNotFoundError("the tenant has no PACS of that name")
        self._announce(ChangeKind.PACS, tenant_id, name)

    async def changes_after(self, sequence: int) -> Sequence[Change]:
        return tuple(change for change in self._changes if change.sequence > sequence)

    async def last_change(self) -> int:
        return len(self._changes)

    async def announce_invalidation(self, tenant_id: str, study_instance_uid: str) -> None:
        self._announce(ChangeKind.CACHE, tenant_id, study_instance_uid)

    def _announce(self, kind: ChangeKind, tenant_id: str, subject: str) -> None:
        self._changes.append(Change(len(self._changes) + 1, kind, tenant_id, subject))

    def _require_tenant(self, tenant_id: str) -> None:
        if tenant_id not in self._tenants:
            raise ResourceNotFoundError("there is no tenant of that name")
