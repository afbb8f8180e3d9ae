"""PriorRules in the table `prefetch_rules`."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from radgate_server.adapters.database.access.tenants import require_tenant
from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.schema.prefetch import prefetch_rules
from radgate_server.core.errors import ResourceNotFoundError
from radgate_server.core.prefetch.priors import PriorRule, Trigger

_column = prefetch_rules.c
_SEPARATOR = ","
_TRIGGERS = frozenset(Trigger)


class SqlPriorRules:
    """PriorRules in SQLite or PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, tenant_id: str, rule: PriorRule) -> None:
        """Add it, or put it in place of the one of that name. Raises ResourceNotFoundError for no such tenant."""
        await self._database.write(lambda connection: _put(connection, tenant_id, rule))

    async def list_rules(self, tenant_id: str) -> Sequence[PriorRule]:
        """The tenant's, by name."""
        statement = select(prefetch_rules).where(_column.tenant_id == tenant_id)
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        return sorted(map(_rule_of, rows), key=lambda rule: rule.name)

    async def delete(self, tenant_id: str, name: str) -> None:
        """Remove it. Raises ResourceNotFoundError."""
        statement = delete(prefetch_rules).where(_column.tenant_id == tenant_id, _column.name == name)
        if not await self._database.write(lambda connection: connection.execute(statement).rowcount):
            raise ResourceNotFoundError("there is no rule of that name; list the rules to see those there are")


def _put(connection: Connection, tenant_id: str, rule: PriorRule) -> None:
    require_tenant(connection, tenant_id, alone=True)  # so that two who add the same rule do so one after the other
    connection.execute(delete(prefetch_rules).where(_column.tenant_id == tenant_id, _column.name == rule.name))
    values = {**asdict(rule), "triggers": _SEPARATOR.join(sorted(rule.triggers))}
    connection.execute(insert(prefetch_rules).values(tenant_id=tenant_id, **values))


def _rule_of(row: Row[Any]) -> PriorRule:
    """Triggers that a newer version added are ignored."""
    values = {name: value for name, value in row._asdict().items() if name != "tenant_id"}
    known = frozenset(Trigger(word) for word in row.triggers.split(_SEPARATOR) if word in _TRIGGERS)
    return PriorRule(**{**values, "triggers": known})
