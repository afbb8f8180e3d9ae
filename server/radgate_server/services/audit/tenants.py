"""Beginning no chain for a tenant that is not there: commands take a tenant's name as it was typed."""

from radgate_server.core.access.ports.directory import TenantDirectory
from radgate_server.core.audit.ports.trail import AuditSink, AuditTrail
from radgate_server.core.audit.record import AuditEntry
from radgate_server.core.errors import ResourceNotFoundError


def creation_of(tenant_id: str) -> str:
    """What the record of a tenant's creation says; a chain may begin with it."""
    return f"create tenant {tenant_id}"


class KnownTenantsSink:
    """AuditSink that passes on records of tenants that there are, and of those of whom a chain is kept."""

    def __init__(self, sink: AuditSink, tenants: TenantDirectory, trail: AuditTrail) -> None:
        self._sink = sink
        self._tenants = tenants
        self._trail = trail

    async def record(self, entry: AuditEntry) -> None:
        """Record the access.

        Raises:
            AuditUnavailableError: it could not be recorded.
            ResourceNotFoundError: there is no such tenant, and there was none.
            DatabaseUnavailableError: that can't be determined.
        """
        begins = entry.detail == creation_of(entry.tenant_id)
        if entry.tenant_id and not begins and not await self._is_known(entry.tenant_id):
            raise ResourceNotFoundError(f"there is no tenant {entry.tenant_id!r}; `radgate tenant list` shows them")
        await self._sink.record(entry)

    async def settle(self) -> None:
        """Return when what was recorded before is in the database. Raises DatabaseUnavailableError."""
        await self._sink.settle()

    async def _is_known(self, tenant_id: str) -> bool:
        if any(tenant.tenant_id == tenant_id for tenant in await self._tenants.list_tenants()):
            return True
        return any(head.tenant_id == tenant_id for head in await self._trail.heads())
