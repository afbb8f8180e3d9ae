"""PACS in the database: the connection as JSON, its one secret sealed beside it or, as JSON too, where it is kept."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from pydantic import ConfigDict, TypeAdapter
from sqlalchemy import ColumnElement, Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from radgate_server.adapters.database.access.tenants import require_tenant
from radgate_server.adapters.database.changes import record_change
from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.schema.tables import pacs, pacs_active
from radgate_server.core.access.ports.directory import ChangeKind
from radgate_server.core.errors import ResourceExistsError, ResourceNotFoundError
from radgate_server.core.pacs.connections import FailoverPolicy, PacsConfig
from radgate_server.core.pacs.failover import check_backup_for, check_has_no_backups
from radgate_server.core.pacs.kinds.documents import connection_document, stored_connection
from radgate_server.core.pacs.validation import ValidationReport
from radgate_server.core.secrets.ports import SecretBox
from radgate_server.core.secrets.secret import SealedSecret, Secret, SecretContext, SecretReference, parse_reference

_REFERENCE = "password_ref"
_VALIDATION: TypeAdapter[ValidationReport | None] = TypeAdapter(
    ValidationReport | None, config=ConfigDict(defer_build=True)
)


class SqlPacsDirectory:
    """PacsDirectory in the table `pacs`."""

    def __init__(self, database: Database, box: SecretBox, now: Callable[[], datetime]) -> None:
        self._database = database
        self._box = box
        self._now = now

    async def create_pacs(self, config: PacsConfig) -> None:
        """Add it. Raises ResourceExistsError, ResourceNotFoundError for a tenant, InvalidArgumentError."""
        now = self._now()
        record = await self._to_record(config)
        await self._database.write(lambda connection: _create(connection, record, now))

    async def list_pacs(self, tenant_id: str) -> Sequence[PacsConfig]:
        """The tenant's PACS, the first added first; their passwords are sealed still."""
        records = await self._database.read(lambda connection: _list(connection, tenant_id))
        return tuple(self._from_record(record) for record in records)

    async def update_pacs(self, config: PacsConfig) -> None:
        """Put it in place of the one of its name. Raises ResourceNotFoundError, InvalidArgumentError."""
        now = self._now()
        record = await self._to_record(config)
        if isinstance(config.connection.secret, SealedSecret):
            del record["sealed_password"]  # it stays, and may have been wrapped again since it was read
        await self._database.write(lambda connection: _update(connection, record, now))

    async def delete_pacs(self, tenant_id: str, name: str) -> None:
        """Remove it. Raises ResourceNotFoundError, InvalidArgumentError while others are backups for it."""
        now = self._now()
        await self._database.write(lambda connection: _delete(connection, tenant_id, name, now))

    async def _to_record(self, config: PacsConfig) -> dict[str, Any]:
        document = connection_document(config.connection)
        secret, sealed = config.connection.secret, None
        match secret:
            case SecretReference():
                document[_REFERENCE] = str(secret)
            case SealedSecret():
                sealed = secret.sealed
            case Secret() if secret:
                sealed = (await self._box.seal(secret, SecretContext(config.tenant_id, config.name))).sealed
        return {
            "tenant_id": config.tenant_id,
            "name": config.name,
            "connection": document,
            "sealed_password": sealed,
            "create_time": config.create_time,
            "backup_for": config.backup_for,
            "failover_enabled": config.failover.enabled,
            "failover_threshold": config.failover.threshold,
            "failback_after_s": config.failover.failback_after_s,
            "confined": config.confined,
            "validation": _VALIDATION.dump_python(config.validation, mode="json"),
        }

    def _from_record(self, record: dict[str, Any]) -> PacsConfig:
        document = dict(record["connection"])
        reference, sealed = document.pop(_REFERENCE, None), record["sealed_password"]
        connection = stored_connection(document)
        if reference is not None:
            connection = connection.with_secret(parse_reference(reference, _REFERENCE))
        elif sealed is not None:
            context = SecretContext(record["tenant_id"], record["name"])
            connection = connection.with_secret(self._box.known(context, bytes(sealed)))
        policy = (record[name] for name in ("failover_enabled", "failover_threshold", "failback_after_s"))
        return PacsConfig(
            record["tenant_id"],
            record["name"],
            connection,
            record["create_time"],
            backup_for=record["backup_for"],
            failover=FailoverPolicy(*policy),
            validation=_VALIDATION.validate_python(record["validation"]),
            confined=record["confined"],
        )


def _create(connection: Connection, record: dict[str, Any], now: datetime) -> None:
    tenant_id, name = record["tenant_id"], record["name"]
    require_tenant(connection, tenant_id, alone=True)
    check_backup_for(name, record["backup_for"], _others(connection, tenant_id, name))
    try:
        connection.execute(insert(pacs), record)
    except IntegrityError:
        raise ResourceExistsError("the tenant has a PACS of that name already") from None
    record_change(connection, now, ChangeKind.PACS, tenant_id, name)


def _update(connection: Connection, record: dict[str, Any], now: datetime) -> None:
    tenant_id, name = record["tenant_id"], record["name"]
    require_tenant(connection, tenant_id, alone=True)
    check_backup_for(name, record["backup_for"], _others(connection, tenant_id, name))
    if not connection.execute(update(pacs).where(*_named(tenant_id, name)).values(record)).rowcount:
        raise ResourceNotFoundError("the tenant has no PACS of that name")
    _give_back(connection, tenant_id, name, record["backup_for"])
    record_change(connection, now, ChangeKind.PACS, tenant_id, name)


def _give_back(connection: Connection, tenant_id: str, name: str, backup_for: str) -> None:
    """Let no PACS continue with the work of a group that it has left."""
    others_work = (pacs_active.c.active == name, pacs_active.c.primary_name.not_in((name, backup_for)))
    connection.execute(delete(pacs_active).where(pacs_active.c.tenant_id == tenant_id, *others_work))


def _list(connection: Connection, tenant_id: str) -> list[dict[str, Any]]:
    query = select(pacs).where(pacs.c.tenant_id == tenant_id).order_by(pacs.c.number)
    return [dict(row) for row in connection.execute(query).mappings()]


def _delete(connection: Connection, tenant_id: str, name: str, now: datetime) -> None:
    require_tenant(connection, tenant_id, alone=True)
    check_has_no_backups(name, _others(connection, tenant_id, name))
    if not connection.execute(delete(pacs).where(*_named(tenant_id, name))).rowcount:
        raise ResourceNotFoundError("the tenant has no PACS of that name")
    record_change(connection, now, ChangeKind.PACS, tenant_id, name)


def _named(tenant_id: str, name: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return pacs.c.tenant_id == tenant_id, pacs.c.name == name


def _others(connection: Connection, tenant_id: str, name: str) -> dict[str, str]:
    query = select(pacs.c.name, pacs.c.backup_for).where(pacs.c.tenant_id == tenant_id, pacs.c.name != name)
    return {row.name: row.backup_for for row in connection.execute(query)}
