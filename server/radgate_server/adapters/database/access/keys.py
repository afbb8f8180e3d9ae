"""API keys in the database."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from radgate_server.adapters.database.access.limits import hand_on_limits
from radgate_server.adapters.database.access.tenants import require_tenant
from radgate_server.adapters.database.changes import record_change
from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.schema.tables import api_key_tenants, api_keys
from radgate_server.core.access.ports.directory import ChangeKind
from radgate_server.core.access.restriction import from_json, to_json
from radgate_server.core.access.tenancy import ANY_TENANT, ApiKey, Role
from radgate_server.core.errors import ResourceExistsError, ResourceNotFoundError


class SqlKeyDirectory:
    """KeyDirectory in the tables `api_keys` and `api_key_tenants`."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    async def create_key(self, key: ApiKey) -> None:
        """Add it. Raises ResourceNotFoundError for a tenant that is not there, ResourceExistsError."""
        now = self._now()
        await self._database.write(lambda connection: _create(connection, key, now))

    async def find_key(self, key_id: str) -> ApiKey | None:
        """The key's record, also a revoked one's."""
        return await self._database.read(lambda connection: _find(connection, key_id))

    async def list_keys(self, tenant_id: str) -> Sequence[ApiKey]:
        """Keys that may use the tenant by name, the first added first; for "*" those for every tenant."""
        return await self._database.read(lambda connection: _list(connection, tenant_id))

    async def list_every_key(self) -> Sequence[ApiKey]:
        """All keys of the installation."""
        return await self._database.read(_list_all)

    async def replace_key(self, key_id: str, new: ApiKey, end_time: datetime) -> None:
        """Add `new`, and let the old one end at `end_time` unless it ends earlier. Raises as the port says."""
        now = self._now()
        await self._database.write(lambda connection: _replace(connection, key_id, new, end_time, now))

    async def record_use(self, uses: Mapping[str, datetime]) -> None:
        """Write down when keys were used last; what is newer already stays."""
        await self._database.write(lambda connection: _record_use(connection, uses))

    async def revoke_key(self, key_id: str, tenant_id: str) -> ApiKey:
        """Revoke it as of now if it may use the tenant by name. Raises ResourceNotFoundError."""
        now = self._now()
        return await self._database.write(lambda connection: _revoke(connection, key_id, tenant_id, now))


def _create(connection: Connection, key: ApiKey, now: datetime) -> None:
    named = [tenant_id for tenant_id in key.tenant_ids if tenant_id != ANY_TENANT]
    for tenant_id in named:
        require_tenant(connection, tenant_id)
    record = {
        "key_id": key.key_id,
        "every_tenant": ANY_TENANT in key.tenant_ids,
        "role": key.role.value,
        "label": key.label,
        "create_time": key.create_time,
        "revoke_time": key.revoke_time,
        "secret_hash": key.secret_hash,
        "expire_time": key.expire_time,
        "last_use_time": key.last_use_time,
        "replaced_by": key.replaced_by,
        "restriction": None if key.restriction is None else to_json(key.restriction),
    }
    try:
        connection.execute(insert(api_keys), record)
    except IntegrityError:
        raise ResourceExistsError("there is a key of that identifier already") from None
    members = [
        {"key_id": key.key_id, "tenant_id": tenant_id, "position": position} for position, tenant_id in enumerate(named)
    ]
    if members:
        connection.execute(insert(api_key_tenants), members)
    record_change(connection, now, ChangeKind.KEY, "", key.key_id)


def _find(connection: Connection, key_id: str) -> ApiKey | None:
    row = connection.execute(select(api_keys).where(api_keys.c.key_id == key_id)).one_or_none()
    return None if row is None else _with_tenants(connection, [row])[0]


def _list(connection: Connection, tenant_id: str) -> Sequence[ApiKey]:
    members = select(api_key_tenants.c.key_id).where(api_key_tenants.c.tenant_id == tenant_id)
    asked = api_keys.c.every_tenant.is_(True) if tenant_id == ANY_TENANT else api_keys.c.key_id.in_(members)
    rows = connection.execute(select(api_keys).where(asked).order_by(api_keys.c.number)).all()
    return tuple(_with_tenants(connection, rows))


def _list_all(connection: Connection) -> Sequence[ApiKey]:
    members: dict[str, list[str]] = {}
    for member in connection.execute(select(api_key_tenants).order_by(api_key_tenants.c.position)):
        members.setdefault(member.key_id, []).append(member.tenant_id)
    return tuple(_key(row, members.get(row.key_id, ())) for row in connection.execute(select(api_keys)))


def _revoke(connection: Connection, key_id: str, tenant_id: str, now: datetime) -> ApiKey:
    key = _find(connection, key_id)
    if key is None or tenant_id not in key.tenant_ids:
        raise ResourceNotFoundError("the tenant has no such key")
    good = (api_keys.c.key_id == key_id, api_keys.c.revoke_time.is_(None))
    if connection.execute(update(api_keys).where(*good).values(revoke_time=now)).rowcount:
        record_change(connection, now, ChangeKind.KEY, "", key_id)
    revoked = _find(connection, key_id)
    return revoked or key


def _replace(connection: Connection, key_id: str, new: ApiKey, end_time: datetime, now: datetime) -> None:
    old = _find(connection, key_id)
    if old is None or not old.is_good(now) or old.replaced_by:
        raise ResourceNotFoundError("there is no such key that is good and was not rotated yet")
    _create(connection, new, now)
    hand_on_limits(connection, key_id, new.key_id, now)
    # The condition is for whoever rotates the same key at the same moment: one of the two learns that there is none.
    unchanged = (api_keys.c.key_id == key_id, api_keys.c.replaced_by == "", api_keys.c.revoke_time.is_(None))
    ends = end_time if old.expire_time is None else min(end_time, old.expire_time)
    changed = update(api_keys).where(*unchanged).values(expire_time=ends, replaced_by=new.key_id)
    if not connection.execute(changed).rowcount:
        raise ResourceNotFoundError("there is no such key that is good and was not rotated yet")
    record_change(connection, now, ChangeKind.KEY, "", key_id)


def _record_use(connection: Connection, uses: Mapping[str, datetime]) -> None:
    for key_id, time in uses.items():
        older = or_(api_keys.c.last_use_time.is_(None), api_keys.c.last_use_time < time)
        connection.execute(update(api_keys).where(api_keys.c.key_id == key_id, older).values(last_use_time=time))


def _with_tenants(connection: Connection, rows: Sequence[Row[Any]]) -> list[ApiKey]:
    members = connection.execute(
        select(api_key_tenants.c.key_id, api_key_tenants.c.tenant_id)
        .where(api_key_tenants.c.key_id.in_([row.key_id for row in rows]))
        .order_by(api_key_tenants.c.position)
    ).all()
    return [_key(row, (member.tenant_id for member in members if member.key_id == row.key_id)) for row in rows]


def _key(row: Row[Any], named: Iterable[str]) -> ApiKey:
    return ApiKey(
        key_id=row.key_id,
        tenant_ids=(*((ANY_TENANT,) if row.every_tenant else ()), *named),
        role=Role(row.role),
        label=row.label,
        create_time=row.create_time,
        revoke_time=row.revoke_time,
        secret_hash=bytes(row.secret_hash),
        expire_time=row.expire_time,
        last_use_time=row.last_use_time,
        replaced_by=row.replaced_by,
        restriction=None if row.restriction is None else from_json(row.restriction),
    )
