"""The sealed secrets of all tenants, for wrapping them anew."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select, update

from radgate_server.adapters.database.database import Database
from radgate_server.adapters.database.schema import pacs
from radgate_server.core.ports.secrets import SecretBox
from radgate_server.core.secret import SealedSecret, SecretContext


class SqlSealedRecords:
    """SealedRecords in the table `pacs`."""

    def __init__(self, database: Database, box: SecretBox) -> None:
        self._database = database
        self._box = box

    async def list_sealed(self) -> Sequence[SealedSecret]:
        """Every one of every tenant."""
        query = _SEALED.where(pacs.c.sealed_password.is_not(None)).order_by(pacs.c.number)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return tuple(map(self._from_row, rows))

    async def find_sealed(self, context: SecretContext) -> SealedSecret | None:
        """The one that is stored there now."""
        query = _SEALED.where(pacs.c.tenant_id == context.tenant_id, pacs.c.name == context.pacs)
        row = await self._database.read(lambda connection: connection.execute(query).one_or_none())
        return None if row is None or row.sealed_password is None else self._from_row(row)

    async def replace_sealed(self, old: SealedSecret, new: SealedSecret) -> bool:
        """Put `new` in place of exactly `old`, unseen by the change feed; False when that is there no more."""
        place = (pacs.c.tenant_id == old.context.tenant_id, pacs.c.name == old.context.pacs)
        statement = update(pacs).where(*place, pacs.c.sealed_password == old.sealed).values(sealed_password=new.sealed)

        def replace(connection: Connection) -> bool:
            return bool(connection.execute(statement).rowcount)

        return await self._database.write(replace)

    def _from_row(self, row: Any) -> SealedSecret:
        return self._box.known(SecretContext(row.tenant_id, row.name), bytes(row.sealed_password))


_SEALED = select(pacs.c.tenant_id, pacs.c.name, pacs.c.sealed_password)
