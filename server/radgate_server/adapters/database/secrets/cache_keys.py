"""The keys of cached data in the database, wrapped."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.schema.retention import study_cache_keys, tenant_cache_keys
from radgate_server.core.cache.ports.keys import WrappedStudyKey

_FIELDS = tuple(column.name for column in study_cache_keys.columns)
_KEY = select(study_cache_keys)


class SqlCacheKeyRecords:
    """CacheKeyRecords in the tables `tenant_cache_keys` and `study_cache_keys`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tenant_key(self, tenant_id: str) -> bytes | None:
        """The tenant's key, sealed."""
        query = select(tenant_cache_keys.c.sealed).where(tenant_cache_keys.c.tenant_id == tenant_id)
        sealed = await self._database.read(lambda connection: connection.scalar(query))
        return None if sealed is None else bytes(sealed)

    async def add_tenant_key(self, tenant_id: str, sealed: bytes) -> bytes:
        """Store the tenant's key unless it has one; return the one that it has then."""
        row = {"tenant_id": tenant_id, "sealed": sealed}
        await self._database.write(lambda connection: _insert_new(connection, tenant_cache_keys, row))
        stored = await self.tenant_key(tenant_id)
        return sealed if stored is None else stored

    async def study_key(self, tenant_id: str, study: str) -> WrappedStudyKey | None:
        """The study's key."""
        return await self._database.read(lambda connection: _find(connection, tenant_id, study))

    async def add_study_key(self, key: WrappedStudyKey) -> WrappedStudyKey:
        """Store the study's key unless it has one, and whose study it is unless that is known; return what is there."""
        return await self._database.write(lambda connection: _add(connection, key))

    async def keys_of_patient(self, tenant_id: str, patient_id: str) -> Sequence[WrappedStudyKey]:
        """Those of all studies that are known to be the patient's."""
        return await self._keys_where(tenant_id, study_cache_keys.c.patient_id == patient_id)

    async def keys_of_study(self, tenant_id: str, study_instance_uid: str) -> Sequence[WrappedStudyKey]:
        """The study's, if it has one."""
        return await self._keys_where(tenant_id, study_cache_keys.c.study_instance_uid == study_instance_uid)

    async def remove_study_keys(self, tenant_id: str, studies: Collection[str]) -> None:
        """Erase the keys; from SQLite's files too, unless somebody reads an old page (docs/retention.md)."""
        chosen = (study_cache_keys.c.tenant_id == tenant_id, study_cache_keys.c.study.in_(studies))
        await self._database.write(lambda connection: connection.execute(delete(study_cache_keys).where(*chosen)))
        await self._database.scrub()

    async def _keys_where(self, tenant_id: str, condition: ColumnElement[bool]) -> Sequence[WrappedStudyKey]:
        query = _KEY.where(study_cache_keys.c.tenant_id == tenant_id, condition)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return [_key(row) for row in rows]


def _find(connection: Connection, tenant_id: str, study: str) -> WrappedStudyKey | None:
    place = (study_cache_keys.c.tenant_id == tenant_id, study_cache_keys.c.study == study)
    row = connection.execute(_KEY.where(*place)).one_or_none()
    return None if row is None else _key(row)


def _add(connection: Connection, key: WrappedStudyKey) -> WrappedStudyKey:
    _insert_new(connection, study_cache_keys, {name: getattr(key, name) for name in _FIELDS})
    if key.patient_id:
        unknown = update(study_cache_keys).where(
            study_cache_keys.c.tenant_id == key.tenant_id,
            study_cache_keys.c.study == key.study,
            study_cache_keys.c.patient_id == "",
        )
        connection.execute(unknown.values(patient_id=key.patient_id))
    return _find(connection, key.tenant_id, key.study) or key


def _insert_new(connection: Connection, table: Any, row: dict[str, Any]) -> None:
    """Insert unless there is one of its key."""
    try:
        with connection.begin_nested():
            connection.execute(insert(table).values(**row))
    except IntegrityError:
        return


def _key(row: Row[Any]) -> WrappedStudyKey:
    return WrappedStudyKey(
        row.tenant_id, row.study, row.study_instance_uid, row.patient_id, row.key_id, bytes(row.wrapped)
    )
