"""Which key files belong to a database: fingerprints, so that servers that share it find out when theirs differ."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from sqlalchemy import Connection, delete, func, insert, select

from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.schema.retention import study_cache_keys, tenant_cache_keys
from radgate_server.adapters.database.schema.tables import api_keys, installation_keys, pacs
from radgate_server.core.errors import ConfigurationError

_DIGITS = 32
_ACCEPTED = "accepted"
"""In place of a fingerprint: what is missing is missing on purpose. Also a row of that name, where no file is left."""
_VERSIONS = "keys/kek-"


@dataclass(frozen=True, slots=True)
class _Known:
    """What the database knows of key files.

    `fingerprints` by name; `renounced` are missing on purpose; `needed` open what is sealed; `used` is whether the
    database holds anything that needs keys.
    """

    fingerprints: Mapping[str, str]
    renounced: frozenset[str]
    needed: frozenset[str]
    used: bool

    def missing(self, names: Sequence[str], present: Collection[str]) -> list[str]:
        """Which files are not `present` and must be: of `names`, and of the versions what is needed and the newest.

        The newest version is never pruned. Without it or a newer one, a new key would be made under its name.
        """
        begun = bool(self.fingerprints or self.renounced)
        fixed = [name for name in names if name in self.fingerprints or (self.used and not begun)]
        needed = _versions_of(self.needed) - self.renounced
        if (versions := _versions_of(self.fingerprints)) and max(versions) > max(_versions_of(present), default=""):
            needed |= {max(versions)}
        return [name for name in (*fixed, *sorted(needed)) if name not in present]


class InstallationKeys:
    """Compares the files of those names in `data_dir`, and the versions of the key below `keys`, with the database.

    `sealing_file` says which file opens what is sealed, "" for none.
    """

    def __init__(
        self, database: Database, data_dir: Path, names: Sequence[str], sealing_file: Callable[[bytes], str]
    ) -> None:
        self._database = database
        self._data_dir = data_dir
        self._names = names
        self._sealing_file = sealing_file

    async def check(self) -> None:
        """See that no file is missing that the database knows, and none is another's.

        Raises:
            ConfigurationError: that is so; it says which.
            DatabaseUnavailableError: the database can't be read.
        """
        known = await self._database.read(self._read)
        present = await asyncio.to_thread(self._fingerprints)
        if missing := known.missing(self._names, present):
            raise ConfigurationError(
                f"the database belongs to an installation whose {', '.join(missing)} is not in data_dir: restore it"
                " from the backup, or set data_dir to where it is. Without it stored keys and credentials are worthless"
                " (a new one on purpose: `radgate migrate --accept-keys`)"
            )
        if wrong := [name for name, found in present.items() if known.fingerprints.get(name, found) != found]:
            raise ConfigurationError(
                f"{', '.join(wrong)} in data_dir is not that of the database, which other servers use: copy theirs here"
                " (after one was replaced on purpose: `radgate migrate --accept-keys`)"
            )

    async def remember(self) -> None:
        """Let the database know the files that it does not know.

        Raises:
            ConfigurationError: another server made its own at the same moment.
            DatabaseUnavailableError: the database can't be read or written.
        """
        present = await asyncio.to_thread(self._fingerprints)
        known = await self._database.read(self._read)
        if new := {name: found for name, found in present.items() if name not in known.fingerprints}:
            await self._database.write(lambda connection: _add(connection, new))
            await self.check()

    async def accept(self) -> None:
        """Take the files that are there for the installation's; what is missing may be made again.

        Keys of cached data that nothing opens any more are deleted, so that there can be new ones.

        Raises:
            ConfigurationError: one of them can't be read.
            DatabaseUnavailableError: the database can't be written.
        """
        present = await asyncio.to_thread(self._fingerprints)
        await self._database.write(lambda connection: self._replace(connection, present))

    def _fingerprints(self) -> Mapping[str, str]:
        """Of the files that are there and can be read; what can't be is reported by who uses it."""
        versions = (f"keys/{path.name}" for path in sorted((self._data_dir / "keys").glob("kek-*.key")))
        found = {}
        for name in (*self._names, *versions):
            try:
                content = (self._data_dir / name).read_bytes()
            except FileNotFoundError:
                continue
            except OSError as error:
                raise ConfigurationError(f"can't read {name} in data_dir; see whose it is ({error.strerror})") from None
            # Of 32 random bytes: a digest leads nobody back to them.
            found[name] = sha256(b"radgate key file\0" + content.strip()).hexdigest()[:_DIGITS]
        return found

    def _read(self, connection: Connection) -> _Known:
        rows = {row.name: row.fingerprint for row in connection.execute(select(installation_keys))}
        return _Known(
            {name: found for name, found in rows.items() if found != _ACCEPTED},
            frozenset(name for name, found in rows.items() if found == _ACCEPTED),
            frozenset(self._sealing_file(sealed) for sealed in _sealed(connection)),
            any(connection.scalar(select(func.count()).select_from(table)) for table in (api_keys, pacs)),
        )

    def _replace(self, connection: Connection, present: Mapping[str, str]) -> None:
        lost = self._read(connection).needed - present.keys() - {""}
        self._delete_lost_cache_keys(connection, lost)
        connection.execute(delete(installation_keys))
        _add(connection, {**present, **dict.fromkeys((_ACCEPTED, *lost), _ACCEPTED)})

    def _delete_lost_cache_keys(self, connection: Connection, lost: Iterable[str]) -> None:
        rows = connection.execute(select(tenant_cache_keys)).all()
        tenants = [row.tenant_id for row in rows if self._sealing_file(bytes(row.sealed)) in lost]
        for table in (study_cache_keys, tenant_cache_keys):
            connection.execute(delete(table).where(table.c.tenant_id.in_(tenants)))


def _versions_of(names: Iterable[str]) -> set[str]:
    return {name for name in names if name.startswith(_VERSIONS)}


def _sealed(connection: Connection) -> Iterable[bytes]:
    """All that is sealed: PACS's credentials, and the tenants' keys of cached data."""
    for column in (pacs.c.sealed_password, tenant_cache_keys.c.sealed):
        yield from map(bytes, connection.scalars(select(column).where(column.is_not(None))))


def _add(connection: Connection, new: Mapping[str, str]) -> None:
    renounced = (installation_keys.c.name.in_(new), installation_keys.c.fingerprint == _ACCEPTED)
    connection.execute(delete(installation_keys).where(*renounced))
    there = set(connection.scalars(select(installation_keys.c.name)))  # another process may have been faster
    rows = [{"name": name, "fingerprint": found} for name, found in new.items() if name not in there]
    if rows:
        connection.execute(insert(installation_keys), rows)
