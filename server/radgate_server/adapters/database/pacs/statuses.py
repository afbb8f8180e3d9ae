"""How the PACS are doing, written by the servers for whoever asks."""

from collections.abc import Sequence

from pydantic import TypeAdapter
from sqlalchemy import Connection, delete, insert, select

from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.schema.tables import pacs, pacs_statuses, tenants
from radgate_server.core.pacs.health import PacsStatus

_STATUS: TypeAdapter[PacsStatus] = TypeAdapter(PacsStatus)
_COLUMNS = {"tenant_id", "name", "time"}


class SqlStatusBoard:
    """StatusBoard in the table `pacs_statuses`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def publish(self, statuses: Sequence[PacsStatus]) -> None:
        """Put them in place of what was known of these PACS; those that are configured no more are ignored."""
        newest = {(status.tenant_id, status.name): status for status in statuses}
        await self._database.write(lambda connection: _publish(connection, newest))

    async def list_statuses(self, tenant_id: str) -> Sequence[PacsStatus]:
        """What is known of the tenant's PACS, by name."""
        return await self._database.read(lambda connection: _list(connection, tenant_id))


def _publish(connection: Connection, newest: dict[tuple[str, str], PacsStatus]) -> None:
    tenant_ids = sorted({tenant_id for tenant_id, _ in newest})
    # Locked in one order, so that servers which publish at once wait for one another instead of failing.
    locked = select(tenants.c.tenant_id).where(tenants.c.tenant_id.in_(tenant_ids)).order_by(tenants.c.tenant_id)
    connection.execute(locked.with_for_update()).all()
    configured = select(pacs.c.tenant_id, pacs.c.name).where(pacs.c.tenant_id.in_(tenant_ids))
    for tenant_id, name in connection.execute(configured).all():
        status = newest.get((tenant_id, name))
        if status is not None:
            same_pacs = (pacs_statuses.c.tenant_id == tenant_id, pacs_statuses.c.name == name)
            connection.execute(delete(pacs_statuses).where(*same_pacs))
            document = _STATUS.dump_python(status, mode="json", exclude=_COLUMNS)
            connection.execute(
                insert(pacs_statuses).values(tenant_id=tenant_id, name=name, time=status.time, status=document)
            )


def _list(connection: Connection, tenant_id: str) -> Sequence[PacsStatus]:
    rows = connection.execute(select(pacs_statuses).where(pacs_statuses.c.tenant_id == tenant_id)).mappings()
    found = (
        _STATUS.validate_python({**row["status"], **{name: row[name] for name in sorted(_COLUMNS)}}) for row in rows
    )
    return tuple(sorted(found, key=lambda status: status.name))
