"""Tenants in the database."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from radgate_server.adapters.database.changes import record_change
from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.retention.periods import lock_chain, read_holds
from radgate_server.adapters.database.schema.accesses import study_accesses
from radgate_server.adapters.database.schema.retention import study_cache_keys, tenant_cache_keys
from radgate_server.adapters.database.schema.tables import api_key_tenants, tenants
from radgate_server.core.access.ports.directory import ChangeKind
from radgate_server.core.access.tenancy import Tenant
from radgate_server.core.errors import LegalHoldError, ResourceExistsError, ResourceNotFoundError

_HOLDS_NAMED = 3
"""In a refusal; `radgate retention holds` lists all."""
_ALL = select(tenants.c.tenant_id, tenants.c.create_time, tenants.c.hide_rejected)


class SqlTenantDirectory:
    """TenantDirectory in the table `tenants`."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    async def create_tenant(self, tenant: Tenant) -> None:
        """Add it. Raises ResourceExistsError."""
        now = self._now()
        await self._database.write(lambda connection: _create(connection, tenant, now))

    async def list_tenants(self) -> Sequence[Tenant]:
        """All tenants by identifier."""
        return await self._database.read(_list)

    async def update_tenant(self, tenant_id: str, *, hide_rejected: bool) -> Tenant:
        """Change how it is set up. Raises ResourceNotFoundError."""
        now = self._now()
        return await self._database.write(lambda connection: _update(connection, tenant_id, hide_rejected, now))

    async def delete_tenant(self, tenant_id: str) -> None:
        """Delete it with its PACS and the keys of its cached data, and take it out of all API keys.

        Raises:
            ResourceNotFoundError: there is none.
            LegalHoldError: something of it is held.
        """
        now = self._now()
        await self._database.write(lambda connection: _delete(connection, tenant_id, now))
        await self._database.scrub()


def require_tenant(connection: Connection, tenant_id: str, *, alone: bool = False) -> None:
    """Make sure that the tenant stays until the transaction ends; `alone`, nobody else changes what it has meanwhile.

    Raises:
        ResourceNotFoundError: there is none.
    """
    query = select(tenants.c.tenant_id).where(tenants.c.tenant_id == tenant_id).with_for_update(read=not alone)
    if connection.scalar(query) is None:
        raise ResourceNotFoundError("there is no tenant of that name")


def _create(connection: Connection, tenant: Tenant, now: datetime) -> None:
    try:
        connection.execute(insert(tenants).values(**asdict(tenant)))
    except IntegrityError:
        raise ResourceExistsError("there is a tenant of that name already") from None
    record_change(connection, now, ChangeKind.TENANT, tenant.tenant_id, "")


def _update(connection: Connection, tenant_id: str, hide_rejected: bool, now: datetime) -> Tenant:
    require_tenant(connection, tenant_id, alone=True)
    chosen = tenants.c.tenant_id == tenant_id
    connection.execute(update(tenants).where(chosen).values(hide_rejected=hide_rejected))
    record_change(connection, now, ChangeKind.TENANT, tenant_id, "")
    return Tenant(*connection.execute(_ALL.where(chosen)).one())


def _list(connection: Connection) -> Sequence[Tenant]:
    rows = connection.execute(_ALL).all()
    # Sorted here: a database's collation need not go by code points.
    return tuple(sorted((Tenant(*row) for row in rows), key=lambda tenant: tenant.tenant_id))


def _delete(connection: Connection, tenant_id: str, now: datetime) -> None:
    require_tenant(connection, tenant_id, alone=True)
    _insist_on_no_hold(connection, tenant_id)
    members = select(api_key_tenants.c.key_id).where(api_key_tenants.c.tenant_id == tenant_id)
    key_ids = connection.scalars(members).all()
    connection.execute(delete(tenants).where(tenants.c.tenant_id == tenant_id))
    for table in (study_cache_keys, tenant_cache_keys, study_accesses):
        connection.execute(delete(table).where(table.c.tenant_id == tenant_id))
    for key_id in key_ids:
        record_change(connection, now, ChangeKind.KEY, "", key_id)
    record_change(connection, now, ChangeKind.TENANT, tenant_id, "")


def _insist_on_no_hold(connection: Connection, tenant_id: str) -> None:
    """Whoever places a hold has ended before, or comes after the deletion. Raises LegalHoldError."""
    lock_chain(connection, tenant_id)
    holds = read_holds(connection, tenant_id)
    if holds:
        named = ", ".join(hold.hold_id for hold in holds[:_HOLDS_NAMED]) + (", …" if holds[_HOLDS_NAMED:] else "")
        raise LegalHoldError(
            f"legal holds ({named}) keep what the tenant has; release them first", hold_id=holds[0].hold_id
        )
