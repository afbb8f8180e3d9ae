"""Which PACS of a group is active, and the history of that, in the database."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, delete, insert, select

from radgate_server.adapters.database.access.tenants import require_tenant
from radgate_server.adapters.database.changes import record_change
from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.schema.tables import pacs, pacs_active, pacs_transitions
from radgate_server.core.access.ports.directory import ChangeKind
from radgate_server.core.errors import ResourceNotFoundError
from radgate_server.core.pacs.failover import ActivePacs, Transition, TransitionCause

KEPT = 1000
"""Transitions kept of each group; a PACS that comes and goes for weeks must not fill the database."""


class SqlFailoverDirectory:
    """FailoverDirectory in the tables `pacs_active` and `pacs_transitions`."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    async def list_active(self, tenant_id: str) -> Sequence[ActivePacs]:
        """The tenant's groups whose active PACS was ever chosen, by primary."""
        return await self._database.read(lambda connection: _list_active(connection, tenant_id))

    async def record_transition(self, transition: Transition) -> bool:
        """Make `to_pacs` active unless somebody else was faster. Raises ResourceNotFoundError."""
        now = self._now()
        return await self._database.write(lambda connection: _record(connection, transition, now))

    async def list_transitions(self, tenant_id: str, primary: str, limit: int) -> Sequence[Transition]:
        """The group's history, the newest first."""
        return await self._database.read(lambda connection: _list_transitions(connection, tenant_id, primary, limit))


def _list_active(connection: Connection, tenant_id: str) -> Sequence[ActivePacs]:
    rows = connection.execute(select(pacs_active).where(pacs_active.c.tenant_id == tenant_id)).all()
    found = (ActivePacs(row.tenant_id, row.primary_name, row.active, row.since, row.by_hand) for row in rows)
    return tuple(sorted(found, key=lambda active: active.primary))


def _record(connection: Connection, transition: Transition, now: datetime) -> bool:
    tenant_id, primary = transition.tenant_id, transition.primary
    require_tenant(connection, tenant_id, alone=True)
    names = connection.scalars(select(pacs.c.name).where(pacs.c.tenant_id == tenant_id)).all()
    if not {primary, transition.to_pacs} <= set(names):
        raise ResourceNotFoundError("the tenant has no PACS of that name")
    group = (pacs_active.c.tenant_id == tenant_id, pacs_active.c.primary_name == primary)
    active = connection.scalar(select(pacs_active.c.active).where(*group)) or primary
    if active != transition.from_pacs:
        return False
    connection.execute(delete(pacs_active).where(*group))
    connection.execute(
        insert(pacs_active).values(
            tenant_id=tenant_id,
            primary_name=primary,
            active=transition.to_pacs,
            since=transition.time,
            by_hand=transition.cause is TransitionCause.MANUAL_FAILOVER,
        )
    )
    _remember(connection, transition)
    record_change(connection, now, ChangeKind.FAILOVER, tenant_id, primary)
    return True


def _remember(connection: Connection, transition: Transition) -> None:
    record = asdict(transition)
    record["primary_name"] = record.pop("primary")
    connection.execute(insert(pacs_transitions), record)
    numbers = _history(transition.tenant_id, transition.primary).with_only_columns(pacs_transitions.c.number)
    oldest = connection.scalar(numbers.offset(KEPT).limit(1))
    if oldest is not None:
        same_group = (
            pacs_transitions.c.tenant_id == transition.tenant_id,
            pacs_transitions.c.primary_name == transition.primary,
        )
        connection.execute(delete(pacs_transitions).where(*same_group, pacs_transitions.c.number <= oldest))


def _list_transitions(connection: Connection, tenant_id: str, primary: str, limit: int) -> Sequence[Transition]:
    return tuple(
        Transition(
            row.time,
            row.tenant_id,
            row.primary_name,
            row.from_pacs,
            row.to_pacs,
            TransitionCause(row.cause),
            row.reason,
        )
        for row in connection.execute(_history(tenant_id, primary).limit(limit))
    )


def _history(tenant_id: str, primary: str) -> Select[tuple[Any, ...]]:
    return (
        select(pacs_transitions)
        .where(pacs_transitions.c.tenant_id == tenant_id, pacs_transitions.c.primary_name == primary)
        .order_by(pacs_transitions.c.number.desc())
    )
