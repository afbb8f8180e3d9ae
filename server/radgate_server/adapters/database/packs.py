"""PackIndex in the tables `packs` and `packed_instances`."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import batched
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, ColumnElement, Connection, Select, case, delete, func, insert, select, update

from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.schema.packs import packed_instances, packs
from radgate_server.adapters.database.schema.tables import changes
from radgate_server.core.access.ports.directory import ChangeKind
from radgate_server.core.cache.ages import AGE_BOUNDS, AgeCount, CacheAges
from radgate_server.core.cache.ports.packs import Pack, PackedInstance, PackOrigin, PackUsage

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

_MAX_KEYS = 500
"""Of one statement: SQLite bounds its parameters."""

_ROWS_AT_ONCE = 50

_pack, _instance = packs.c, packed_instances.c


class SqlPackIndex:
    """PackIndex in SQLite or PostgreSQL."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    async def of_study(self, tenant_id: str, study: str) -> Mapping[str, PackedInstance]:
        """All packed instances of the study."""
        query = study_query(tenant_id, study)
        of_packs = select(_pack.object_key, _pack.state).where(_pack.tenant_id == tenant_id, _pack.study == study)

        def read(connection: Connection) -> Mapping[str, PackedInstance]:
            rows = connection.execute(query).all()
            states = {row.object_key: bytes(row.state) for row in connection.execute(of_packs)} if rows else {}
            return {row.instance: _packed(row, states[row.object_key]) for row in rows if row.object_key in states}

        return await self._database.read(read)

    async def add(self, pack: Pack, instances: Sequence[PackedInstance], origin: PackOrigin) -> int:
        """Have the pack own what nobody owns, unless the study was invalidated meanwhile."""

        def write(connection: Connection) -> int:
            if connection.execute(_invalidated(pack.tenant_id, origin)).first() is not None:
                return 0
            return _add(connection, pack, instances, origin, self._now())

        return await self._database.write(write)

    async def state(self, tenant_id: str, study: str) -> bytes | None:
        """That of the newest pack."""
        query = select(_pack.state).where(_pack.tenant_id == tenant_id, _pack.study == study)
        query = query.order_by(_pack.create_time.desc()).limit(1)
        found = await self._database.read(lambda connection: connection.scalar(query))
        return None if found is None else bytes(found)

    async def drop_instance(self, tenant_id: str, study: str, instance: str) -> Sequence[str]:
        """Forget the instance, and its pack if that owns nothing more."""
        one = (_instance.tenant_id == tenant_id) & (_instance.study == study) & (_instance.instance == instance)

        def write(connection: Connection) -> Sequence[str]:
            owners = connection.scalars(select(_instance.object_key).where(one)).all()
            connection.execute(delete(packed_instances).where(one))
            used = set(connection.scalars(select(_instance.object_key).where(_instance.object_key.in_(owners))))
            empty = [key for key in owners if key not in used]
            connection.execute(delete(packs).where(_pack.object_key.in_(empty)))
            return empty

        return await self._database.write(write)

    async def drop_study(self, tenant_id: str, study: str | None, seen: int | None = None) -> tuple[int, Sequence[str]]:
        """Forget packs, of a study or all of the tenant."""
        own = [_pack.tenant_id == tenant_id]
        own += [] if study is None else [_pack.study == study]
        own += [] if seen is None else [_pack.seen <= seen]
        keys_of_them = select(_pack.object_key).where(*own)

        def write(connection: Connection) -> tuple[int, Sequence[str]]:
            count = connection.execute(delete(packed_instances).where(_instance.object_key.in_(keys_of_them))).rowcount
            keys = connection.scalars(keys_of_them).all()
            connection.execute(delete(packs).where(*own))
            return count, keys

        return await self._database.write(write)

    async def drop_packs(self, object_keys: Collection[str]) -> int:
        """Forget the packs and what they own; returns how many instances."""

        def write(connection: Connection) -> int:
            count = 0
            for keys in batched(object_keys, _MAX_KEYS):
                owned = delete(packed_instances).where(_instance.object_key.in_(keys))
                count += connection.execute(owned).rowcount
                connection.execute(delete(packs).where(_pack.object_key.in_(keys)))
            return count

        return await self._database.write(write)

    async def touch(self, object_keys: Collection[str]) -> None:
        """They were used just now."""

        def write(connection: Connection) -> None:
            for keys in batched(sorted(object_keys), _MAX_KEYS):
                connection.execute(update(packs).where(_pack.object_key.in_(keys)).values(use_time=self._now()))

        await self._database.write(write)

    async def usages(self) -> Sequence[PackUsage]:
        """Of every tenant that has packs."""
        sums = (func.sum(_pack.instances), func.sum(_pack.size_bytes), func.max(_pack.use_time))
        query = select(_pack.tenant_id, *sums).group_by(_pack.tenant_id)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return [PackUsage(row[0], int(row[1]), int(row[2]), row[3]) for row in rows]

    async def ages(self, tenant_ids: Collection[str], now: datetime) -> CacheAges:
        """How old what is packed for the tenants is: a row a pack, as it was counted when it was written."""
        sums = select(
            func.coalesce(func.sum(_pack.instances), 0),
            func.min(_pack.use_time),
            func.min(_pack.create_time),
            *(_since(column, now - bound) for bound in AGE_BOUNDS for column in (_pack.use_time, _pack.create_time)),
        )

        def read(connection: Connection) -> list[Any]:
            some = batched(sorted(tenant_ids), _MAX_KEYS)
            return [connection.execute(sums.where(_pack.tenant_id.in_(tenants))).one() for tenants in some]

        rows = await self._database.read(read)
        entries, *counts = (sum(map(int, column)) for column in zip(*((row[0], *row[3:]) for row in rows), strict=True))
        bands = zip(AGE_BOUNDS, counts[::2], counts[1::2], strict=True)
        oldest = [min((row[place] for row in rows if row[place]), default=None) for place in (1, 2)]
        return CacheAges(entries, entries, tuple(AgeCount(*band) for band in bands), *oldest)

    async def held(self, tenant_id: str, study: str) -> tuple[int, int]:
        """What there is of the study."""
        query = select(func.count(), func.coalesce(func.sum(_pack.size_bytes), 0))
        query = query.where(_pack.tenant_id == tenant_id, _pack.study == study)
        count, size_bytes = await self._database.read(lambda connection: connection.execute(query).one())
        return int(count), int(size_bytes)

    async def least_recently_used(self, tenant_id: str, limit: int) -> Sequence[Pack]:
        """The one that was not used for longest first."""
        return await self._list(_pack.use_time, limit, _pack.tenant_id == tenant_id)

    async def stored_before(self, time: datetime, limit: int) -> Sequence[Pack]:
        """The oldest first."""
        return await self._list(_pack.create_time, limit, _pack.create_time < time)

    async def unknown(self, object_keys: Collection[str]) -> Collection[str]:
        """Those that are in no row."""

        def read(connection: Connection) -> set[str]:
            known: set[str] = set()
            for keys in batched(object_keys, _MAX_KEYS):
                known.update(connection.scalars(select(_pack.object_key).where(_pack.object_key.in_(keys))))
            return set(object_keys) - known

        return await self._database.read(read)

    async def _list(self, order: Any, limit: int, chosen: ColumnElement[bool]) -> Sequence[Pack]:
        query = select(_pack.tenant_id, _pack.study, _pack.object_key, _pack.size_bytes).where(chosen)
        query = query.order_by(order).limit(limit)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return [Pack(*row) for row in rows]


def study_query(tenant_id: str, study: str) -> Select[Any]:
    """What is asked before a study is read: of the primary key alone."""
    return select(packed_instances).where(_instance.tenant_id == tenant_id, _instance.study == study)


def _since(column: Column[Any], time: datetime) -> ColumnElement[int]:
    """How many instances are in packs of that time or later."""
    return func.coalesce(func.sum(case((column >= time, _pack.instances), else_=0)), 0)


def _invalidated(tenant_id: str, origin: PackOrigin) -> Select[Any]:
    """Invalidations that whoever made the pack had not heard of when its instances came."""
    return select(changes.c.sequence).where(
        changes.c.sequence > origin.seen,
        changes.c.kind.in_((ChangeKind.CACHE, ChangeKind.ERASURE)),
        changes.c.tenant_id == tenant_id,
        changes.c.subject.in_(("", origin.study_instance_uid)),
    )


def _insert(connection: Connection) -> "postgresql.Insert | sqlite.Insert":
    """An insert that knows conflicts; commands on SQLite must not wait until PostgreSQL's is loaded."""
    if connection.dialect.name == "sqlite":
        from sqlalchemy.dialects import sqlite

        return sqlite.insert(packed_instances)
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(packed_instances)


def _add(
    connection: Connection, pack: Pack, instances: Iterable[PackedInstance], origin: PackOrigin, now: datetime
) -> int:
    times = {"create_time": now, "use_time": now}
    values = {**pack._asdict(), **times, "instances": 0, "state": origin.state, "seen": origin.seen}
    connection.execute(insert(packs).values(values))
    statement = _insert(connection).on_conflict_do_nothing().returning(_instance.instance)
    rows = [_row(pack, one) for one in sorted(instances, key=lambda one: one.instance)]  # so no writers ever deadlock
    owned = sum(
        len(connection.execute(statement.values(some)).all()) for some in map(list, batched(rows, _ROWS_AT_ONCE))
    )
    own = _pack.object_key == pack.object_key
    connection.execute(update(packs).where(own).values(instances=owned) if owned else delete(packs).where(own))
    return owned


def _row(pack: Pack, one: PackedInstance) -> dict[str, Any]:
    return {
        "tenant_id": pack.tenant_id,
        "study": pack.study,
        "instance": one.instance,
        "series": one.series,
        "object_key": pack.object_key,
        "start": one.offset,
        "length": one.length,
        "checksum": one.checksum,
        "size_bytes": one.size_bytes,
        "crc32c": one.crc32c,
        "uids": json.dumps([one.sop_class_uid, one.transfer_syntax_uid]).encode(),
        "head": one.head,
    }


def _packed(row: Any, state: bytes) -> PackedInstance:
    sop_class_uid, transfer_syntax_uid = json.loads(row.uids)
    return PackedInstance(
        instance=row.instance,
        series=row.series,
        pack=row.object_key,
        offset=row.start,
        length=row.length,
        checksum=row.checksum,
        size_bytes=row.size_bytes,
        crc32c=row.crc32c,
        sop_class_uid=sop_class_uid,
        transfer_syntax_uid=transfer_syntax_uid,
        head=bytes(row.head),
        state=state,
    )
