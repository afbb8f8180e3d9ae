"""Which key files belong to a database: fingerprints, so that servers that share it find out when theirs differ."""

import asyncio
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from sqlalchemy import Connection, delete, func, insert, select

from radgate_server.adapters.database.database import Database
from radgate_server.adapters.database.schema import api_keys, installation_keys, pacs
from radgate_server.core.errors import ConfigurationError

_DIGITS = 32
_ACCEPTED = "accepted"
"""A row that says that what is missing is missing on purpose, also where no file is left."""


class InstallationKeys:
    """Compares the files of those names in `data_dir`, and the versions of the key below `keys`, with the database."""

    def __init__(self, database: Database, data_dir: Path, names: Sequence[str]) -> None:
        self._database = database
        self._data_dir = data_dir
        self._names = names

    async def check(self) -> None:
        """See that no file is missing that the database knows, and none is another's.

        Raises:
            ConfigurationError: that is so; it says which.
            DatabaseUnavailableError: the database can't be read.
        """
        known, used = await self._database.read(_read)
        present = await asyncio.to_thread(self._fingerprints)
        expected = [name for name in self._names if name in known or (used and not known)]
        if missing := [name for name in expected if name not in present]:
            raise ConfigurationError(
                f"the database belongs to an installation whose {', '.join(missing)} is not in data_dir: restore it"
                " from the backup, or set data_dir to where it is. Without it stored keys and credentials are worthless"
                " (a new one on purpose: `radgate migrate --accept-keys`)"
            )
        if wrong := [name for name, found in present.items() if known.get(name, found) != found]:
            raise ConfigurationError(
                f"{', '.join(wrong)} in data_dir is not that of the database, which other servers use: copy theirs here"
                " (after one was replaced on purpose: `radgate migrate --accept-keys`)"
            )

    async def remember(self) -> None:
        """Let the database know the files that it does not know. Raises DatabaseUnavailableError."""
        present = await asyncio.to_thread(self._fingerprints)
        known, _ = await self._database.read(_read)
        if new := {name: found for name, found in present.items() if name not in known}:
            await self._database.write(lambda connection: _add(connection, new))

    async def accept(self) -> None:
        """Take the files that are there for the installation's; what is missing may be made anew.

        Raises:
            ConfigurationError: one of them can't be read.
            DatabaseUnavailableError: the database can't be written.
        """
        present = await asyncio.to_thread(self._fingerprints)
        await self._database.write(lambda connection: _replace(connection, {**present, _ACCEPTED: _ACCEPTED}))

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


def _read(connection: Connection) -> tuple[Mapping[str, str], bool]:
    """The fingerprints by name, and whether the database holds anything that needs keys."""
    rows = connection.execute(select(installation_keys)).all()
    used = any(connection.scalar(select(func.count()).select_from(table)) for table in (api_keys, pacs))
    return {row.name: row.fingerprint for row in rows}, used


def _replace(connection: Connection, rows: Mapping[str, str]) -> None:
    connection.execute(delete(installation_keys))
    _add(connection, rows)


def _add(connection: Connection, new: Mapping[str, str]) -> None:
    there = set(connection.scalars(select(installation_keys.c.name)))  # another process may have been faster
    rows = [{"name": name, "fingerprint": found} for name, found in new.items() if name not in there]
    if rows:
        connection.execute(insert(installation_keys), rows)
