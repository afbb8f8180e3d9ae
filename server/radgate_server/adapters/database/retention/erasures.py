"""Orders to erase what is cached, and their certificates, in the database."""

from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.retention.periods import lock_chain, read_holds
from radgate_server.adapters.database.schema.retention import cache_erasures
from radgate_server.core.audit.retention import HoldSubject
from radgate_server.core.errors import ResourceNotFoundError
from radgate_server.core.retention.ports.erasure import Erasure, ErasureOrder, ErasureProgress

_ERASURE = select(cache_erasures)
_NEWEST = _ERASURE.order_by(cache_erasures.c.create_time.desc(), cache_erasures.c.erasure_id)


class SqlErasureRecords:
    """ErasureRecords in the table `cache_erasures`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, erasure: Erasure, hold_ids: Collection[str]) -> bool:
        """Keep the order, unless other holds than `hold_ids` are in force for the tenant by now: False."""
        return await self._database.write(lambda connection: _begin(connection, erasure, set(hold_ids)))

    async def advance(self, erasure_id: str, progress: ErasureProgress) -> ErasureProgress:
        """Keep how far it is, unless another server got as far first; return what is there then."""
        return await self._database.write(lambda connection: _advance(connection, erasure_id, progress))

    async def finish(self, erasure_id: str, certificate: str) -> str:
        """Keep the certificate unless there is one; return the one that is there then."""
        here = cache_erasures.c.erasure_id == erasure_id
        statement = update(cache_erasures).where(here, cache_erasures.c.certificate.is_(None))

        def write(connection: Connection) -> str:
            connection.execute(statement.values(certificate=certificate))
            return connection.scalar(select(cache_erasures.c.certificate).where(here)) or certificate

        return await self._database.write(write)

    async def find(self, tenant_id: str, erasure_id: str) -> Erasure:
        """The tenant's. Raises ResourceNotFoundError."""
        query = _ERASURE.where(cache_erasures.c.tenant_id == tenant_id, cache_erasures.c.erasure_id == erasure_id)
        row = await self._database.read(lambda connection: connection.execute(query).one_or_none())
        if row is None:
            raise ResourceNotFoundError("the tenant has no erasure of that id")
        return _erasure(row)

    async def list_erasures(self, tenant_id: str, limit: int | None) -> Sequence[Erasure]:
        """The tenant's, the newest first."""
        query = _NEWEST.where(cache_erasures.c.tenant_id == tenant_id).limit(limit)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return [_erasure(row) for row in rows]

    async def unfinished(self, before: datetime) -> Sequence[Erasure]:
        """Those of all tenants that were ordered before and have no certificate yet."""
        query = _ERASURE.where(cache_erasures.c.certificate.is_(None), cache_erasures.c.create_time < before)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return [_erasure(row) for row in rows]


def _begin(connection: Connection, erasure: Erasure, hold_ids: set[str]) -> bool:
    tenant_id = erasure.order.tenant_id
    lock_chain(connection, tenant_id)
    if {hold.hold_id for hold in read_holds(connection, tenant_id)} != hold_ids:
        return False
    values = {
        "erasure_id": erasure.order.erasure_id,
        "tenant_id": tenant_id,
        "create_time": erasure.create_time,
        "request": asdict(erasure.order),
        "progress": asdict(erasure.progress),
    }
    connection.execute(insert(cache_erasures).values(**values))
    return True


def _advance(connection: Connection, erasure_id: str, progress: ErasureProgress) -> ErasureProgress:
    here = cache_erasures.c.erasure_id == erasure_id
    stored = _progress(connection.scalars(select(cache_erasures.c.progress).where(here).with_for_update()).one())
    if len(stored.counted) >= len(progress.counted):
        return stored
    connection.execute(update(cache_erasures).where(here).values(progress=asdict(progress)))
    return progress


def _progress(stored: dict[str, Any]) -> ErasureProgress:
    tiers = {tier: (entries, used_bytes) for tier, (entries, used_bytes) in stored["tiers"].items()}
    return ErasureProgress(tiers, tuple(stored["key_ids"]), tuple(stored["counted"]))


def _erasure(row: Row[Any]) -> Erasure:
    order = {**row.request, "subject": HoldSubject(row.request["subject"]), "studies": tuple(row.request["studies"])}
    return Erasure(ErasureOrder(**order), row.create_time, _progress(row.progress), row.certificate or "")
