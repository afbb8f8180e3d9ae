"""Limits, and what was used of daily quotas, in the database."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, text

from radgate_server.adapters.database.access.tenants import require_tenant
from radgate_server.adapters.database.changes import record_change
from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.schema.tables import limits as table
from radgate_server.adapters.database.schema.tables import quota_usage
from radgate_server.core.access.ports.directory import ChangeKind
from radgate_server.core.limits.meters import Used
from radgate_server.core.limits.model import NETWORK_NAMES, NUMBER_NAMES, Limits, LimitSubject
from radgate_server.core.limits.ports import Reserved, granted_of
from radgate_server.core.networks import parse_networks

KEPT_DAYS = 35
"""What was used on earlier days is forgotten."""


class SqlLimitDirectory:
    """LimitDirectory in the table `limits`."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    async def list_limits(self) -> Mapping[LimitSubject, Limits]:
        """All of all tenants."""
        rows = await self._database.read(lambda connection: connection.execute(select(table)).all())
        return {LimitSubject(row.tenant_id, row.key_id): _from_json(row.limits) for row in rows}

    async def put_limits(self, subject: LimitSubject, limits: Limits) -> None:
        """Put them in place of what was set. Raises ResourceNotFoundError when there is no such tenant."""
        now = self._now()
        await self._database.write(lambda connection: _put(connection, subject, _to_json(limits), now))


class SqlUsageLedger:
    """UsageLedger in the table `quota_usage`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, day: int, used: Mapping[LimitSubject, Used]) -> Mapping[LimitSubject, Used]:
        """Add to what was used on the day; all that was used on it by then."""
        if not used:
            return await self._database.read(lambda connection: _used_on(connection, day))
        return await self._database.write(lambda connection: _add(connection, day, used))

    async def reserve(self, day: int, subject: LimitSubject, wanted: int, most: int) -> Reserved:
        """Count up to `wanted` requests of the day before they come: never more than `most` in all."""
        return await self._database.write(lambda connection: _reserve(connection, day, subject, wanted, most))


def _reserve(connection: Connection, day: int, subject: LimitSubject, wanted: int, most: int) -> Reserved:
    row = {"day": day, "tenant_id": subject.tenant_id, "key_id": subject.key_id, "bytes": 0}
    connection.execute(_ADD, {**row, "requests": 0})  # which locks the row
    own = (quota_usage.c.day == day, quota_usage.c.tenant_id == subject.tenant_id)
    counted = select(quota_usage.c.requests).where(*own, quota_usage.c.key_id == subject.key_id)
    before: int = connection.execute(counted).scalar_one()
    granted = granted_of(wanted, before, most)
    connection.execute(_ADD, {**row, "requests": granted})
    return Reserved(granted, before + granted)


def hand_on_limits(connection: Connection, key_id: str, new_key_id: str, now: datetime) -> None:
    """Let a new key have the limits of the key that it takes the place of."""
    rows = connection.execute(select(table.c.tenant_id, table.c.limits).where(table.c.key_id == key_id)).all()
    for row in rows:
        _put(connection, LimitSubject(row.tenant_id, new_key_id), row.limits, now)


def _put(connection: Connection, subject: LimitSubject, document: dict[str, Any], now: datetime) -> None:
    tenant_id, key_id = subject
    require_tenant(connection, tenant_id, alone=True)
    connection.execute(delete(table).where(table.c.tenant_id == tenant_id, table.c.key_id == key_id))
    if document:
        connection.execute(insert(table).values(tenant_id=tenant_id, key_id=key_id, limits=document))
    record_change(connection, now, ChangeKind.LIMITS, tenant_id, "")


def _add(connection: Connection, day: int, used: Mapping[LimitSubject, Used]) -> Mapping[LimitSubject, Used]:
    # In one order for all, so that two servers never wait for one another.
    for subject, (requests, size_bytes) in sorted(used.items()):
        row = {"day": day, "tenant_id": subject.tenant_id, "key_id": subject.key_id}
        connection.execute(_ADD, {**row, "requests": requests, "bytes": size_bytes})
    connection.execute(delete(quota_usage).where(quota_usage.c.day < day - KEPT_DAYS))
    return _used_on(connection, day)


def _used_on(connection: Connection, day: int) -> Mapping[LimitSubject, Used]:
    rows = connection.execute(select(quota_usage).where(quota_usage.c.day == day)).all()
    return {LimitSubject(row.tenant_id, row.key_id): Used(row.requests, row.bytes) for row in rows}


_ADD = text(
    """
    INSERT INTO quota_usage (day, tenant_id, key_id, requests, bytes)
    VALUES (:day, :tenant_id, :key_id, :requests, :bytes)
    ON CONFLICT (day, tenant_id, key_id) DO UPDATE
    SET requests = quota_usage.requests + excluded.requests, bytes = quota_usage.bytes + excluded.bytes
    """
)
"""SQLite and PostgreSQL understand it alike."""


def _to_json(limits: Limits) -> dict[str, Any]:
    """What was set, by name; networks as text."""
    numbers = {name: value for name in NUMBER_NAMES if (value := getattr(limits, name)) is not None}
    networks = {name: [str(each) for each in value] for name in NETWORK_NAMES if (value := getattr(limits, name))}
    return numbers | networks


def _from_json(document: dict[str, Any]) -> Limits:
    networks = {name: parse_networks(document[name]) for name in NETWORK_NAMES if name in document}
    return Limits(**(document | networks))
