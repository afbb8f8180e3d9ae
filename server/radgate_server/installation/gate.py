"""Whether the data folder and the database that the settings name are an installation, and one and the same."""

import asyncio
import logging
import os
import pwd
from enum import Enum
from pathlib import Path

from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.database.schema_revision import is_later, newest_revision, revision_of
from radgate_server.adapters.database.secrets.installation_keys import InstallationKeys
from radgate_server.adapters.secrets.files.key_file import FILE_NAME as SECRET_KEY
from radgate_server.adapters.secrets.files.key_file import make_data_dir
from radgate_server.adapters.secrets.files.sealing_files import sealing_file
from radgate_server.adapters.secrets.signing import FILE_NAME as SIGNING_KEY
from radgate_server.core.errors import ConfigurationError
from radgate_server.settings.settings import Settings

_log = logging.getLogger(__name__)

KEY_FILES = (SECRET_KEY, SIGNING_KEY)


class Purpose(Enum):
    """What an installation is opened for."""

    SERVE = "serve"  # makes a new one, and brings the schema up to date
    BEGIN = "begin"  # a command that may come first: makes a new one, never changes the schema of an old one
    USE = "use"  # a command: takes it as it is


def pass_gate(settings: Settings, purpose: Purpose) -> None:
    """See that there is an installation, or make one if the purpose allows that. Blocks on disk and database.

    Raises:
        ConfigurationError: there is none, its schema is another version's, its keys are missing, or its folder is
            another user's.
        DatabaseUnavailableError: the database can't be reached.
    """
    if purpose is not Purpose.SERVE:
        check_owner(settings.data_dir)
    url = settings.database_url_or_default
    begun = (settings.data_dir / SECRET_KEY).exists()
    if purpose is Purpose.USE and not (begun or settings.data_dir.is_dir()):
        raise _nothing_there(settings.data_dir)
    if settings.data_dir.is_dir() or purpose is not Purpose.USE:
        make_data_dir(settings.data_dir)
    revision = revision_of(url)
    if not revision and not begun:
        if purpose is Purpose.USE:
            raise _nothing_there(settings.data_dir)
        level = logging.WARNING if purpose is Purpose.SERVE else logging.INFO  # a command says so itself
        _log.log(level, "there was no installation in data_dir %s; a new one is made", settings.data_dir)
    if revision != (newest := newest_revision()) and not is_later(revision, newest):
        if purpose is Purpose.USE or (revision and purpose is Purpose.BEGIN):
            what = f"has the schema {revision}, and this version needs {newest}" if revision else "is empty"
            raise ConfigurationError(f"the database {what}; `radgate migrate` or the start of a server brings it there")
        _migrate(url)


def check_owner(data_dir: Path) -> None:
    """See that the installation, if it is there, is this user's: files of another user would stop the server.

    Its key identifies the installation; a volume may be root's, where the server is not.

    Raises:
        ConfigurationError: it is another user's.
    """
    there = [path for path in (data_dir / SECRET_KEY, data_dir) if path.exists()]
    owner = there[0].stat().st_uid if there else os.geteuid()
    if owner != os.geteuid() and (there[0] != data_dir or not os.access(data_dir, os.W_OK) or not os.geteuid()):
        name = _name_of(owner)
        raise ConfigurationError(
            f"data_dir belongs to {name}, and this is {_name_of(os.geteuid())}: files that it made could not be read by"
            f" the server. Run it as that user, such as: sudo -u {name} radgate …"
        )


def unreadable_files(data_dir: Path) -> str:
    """Files of the folder that this process can't read though they are there, as a sentence; "" for none."""
    names = [*KEY_FILES, "silences.json", *(f"keys/{path.name}" for path in (data_dir / "keys").glob("*.key"))]
    closed = [name for name in names if (data_dir / name).exists() and not os.access(data_dir / name, os.R_OK)]
    return f"can't read {', '.join(closed)} in data_dir; see whose they are (chown)" if closed else ""


def _nothing_there(data_dir: Path) -> ConfigurationError:
    return ConfigurationError(
        f"there is no installation in {data_dir}: is the setting data_dir (RADGATE_DATA_DIR) right? `radgate serve` or"
        " `radgate tenant create NAME` makes a new one"
    )


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"#{uid}"


def migrate_by_hand(settings: Settings) -> None:
    """Bring the schema up to date without a server.

    Raises:
        ConfigurationError: the folder is another user's, or can't be made.
        DatabaseUnavailableError: the database can't be reached.
    """
    check_owner(settings.data_dir)
    make_data_dir(settings.data_dir)
    _migrate(settings.database_url_or_default)


def _migrate(url: str) -> None:
    from radgate_server.adapters.database.migration import migrate  # with Alembic, which commands start without

    migrate(url)


def accept_keys_by_hand(settings: Settings) -> None:
    """Take the key files in data_dir for the installation's from now on; what is missing is made by the next start.

    Raises:
        DatabaseUnavailableError: the database can't be reached.
    """

    async def work() -> None:
        database = Database(settings.database_url_or_default)
        try:
            await InstallationKeys(database, settings.data_dir, KEY_FILES, sealing_file).accept()
        finally:
            await database.close()

    asyncio.run(work())
