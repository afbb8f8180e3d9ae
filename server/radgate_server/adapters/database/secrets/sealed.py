"""The sealed secrets of all tenants, for wrapping them again."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, Table, literal, select, update

from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.schema.retention import tenant_cache_keys
from radgate_server.adapters.database.schema.tables import pacs
from radgate_server.core.secrets.ports import SecretBox
from radgate_server.core.secrets.secret import CACHE_KEY, SealedSecret, SecretContext, cache_key_context


class SqlSealedRecords:
    """SealedRecords in the tables `pacs` and `tenant_cache_keys`."""

    def __init__(self, database: Database, box: SecretBox) -> None:
        self._database = database
        self._box = box

    async def list_sealed(self) -> Sequence[SealedSecret]:
        """Every one of every tenant."""
        queries = (
            _PASSWORDS.where(pacs.c.sealed_password.is_not(None)).order_by(pacs.c.number),
            _CACHE_KEYS.order_by(tenant_cache_keys.c.tenant_id),
        )

        def read(connection: Connection) -> Sequence[Row[Any]]:
            return [row for query in queries for row in connection.execute(query)]

        return tuple(map(self._from_row, await self._database.read(read)))

    async def find_sealed(self, context: SecretContext) -> SealedSecret | None:
        """The one that is stored there now."""
        query = (_CACHE_KEYS if context.field == CACHE_KEY else _PASSWORDS).where(*_place(context))
        row = await self._database.read(lambda connection: connection.execute(query).one_or_none())
        return None if row is None or row.sealed is None else self._from_row(row)

    async def replace_sealed(self, old: SealedSecret, new: SealedSecret) -> bool:
        """Put `new` in place of exactly `old`, unseen by the change feed; False when that is there no more."""
        table, column = _where(old.context)
        statement = update(table).where(*_place(old.context), table.c[column] == old.sealed)

        def replace(connection: Connection) -> bool:
            return bool(connection.execute(statement.values({column: new.sealed})).rowcount)

        return await self._database.write(replace)

    def _from_row(self, row: Row[Any]) -> SealedSecret:
        context = SecretContext(row.tenant_id, row.name) if row.name else cache_key_context(row.tenant_id)
        return self._box.known(context, bytes(row.sealed))


_PASSWORDS: Select[Any] = select(pacs.c.tenant_id, pacs.c.name, pacs.c.sealed_password.label("sealed"))
_CACHE_KEYS: Select[Any] = select(tenant_cache_keys.c.tenant_id, literal("").label("name"), tenant_cache_keys.c.sealed)


def _where(context: SecretContext) -> tuple[Table, str]:
    return (tenant_cache_keys, "sealed") if context.field == CACHE_KEY else (pacs, "sealed_password")


def _place(context: SecretContext) -> tuple[ColumnElement[bool], ...]:
    table, _ = _where(context)
    of_tenant = table.c.tenant_id == context.tenant_id
    return (of_tenant,) if context.field == CACHE_KEY else (of_tenant, table.c.name == context.pacs)
