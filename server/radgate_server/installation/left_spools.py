"""The audit spools of other processes of the installation, as far as this one sees their folders."""

import logging
import time
from pathlib import Path

from radgate_server.adapters.audit.spool import FileAuditSpool, count_late, opens_with
from radgate_server.adapters.database.audit.left import commit_left
from radgate_server.adapters.database.connection.database import Database
from radgate_server.adapters.secrets.spool_cipher import SpoolCiphers
from radgate_server.core.errors import ConfigurationError
from radgate_server.settings.settings import Settings

AUDIT_SPOOL = "audit-spool"

OWNER_WAIT_S = 10.0
"""A server that starts waits so long for whoever commits what it left."""

_HOLD_S = 2.0
"""So long a folder is held at once: its server may want to start."""

_log = logging.getLogger(__name__)


class FolderLeftSpools:
    """LeftSpools below data_dir and the folders of `audit.other_data_dirs`, but for this process's `own`."""

    def __init__(self, settings: Settings, database: Database, own: Path) -> None:
        self._settings = settings
        self._database = database
        self._own = own.resolve()
        self._foreign = set[Path]()

    def take_over(self) -> int:
        """Commit what has waited for longer than a server that lives would let it."""
        return sum(map(self._take_over, self._folders()))

    def _folders(self) -> list[Path]:
        roots = [self._settings.data_dir, *self._settings.audit.other_data_dirs]
        found = [spool for root in roots for spool in spools_below(root)]
        return [folder for folder in dict.fromkeys(map(Path.resolve, found)) if folder != self._own]

    def _take_over(self, folder: Path) -> int:
        if not count_late(folder, time.time()):
            return 0
        ciphers = SpoolCiphers(self._settings.data_dir)
        if not opens_with(folder, ciphers):
            if folder not in self._foreign:
                self._foreign.add(folder)
                _log.error("an audit spool of another process is sealed under another key, and is left alone")
            return 0
        try:
            spool = FileAuditSpool(folder, ciphers, limit_bytes=0)
        except ConfigurationError:  # its server lives, and can't reach the database either; or it starts
            return 0
        try:
            return commit_left(self._database.engine, spool, seconds=_HOLD_S)
        finally:
            spool.close()


def spools_below(root: Path) -> list[Path]:
    """The audit spools of the data folder's server, and of processes that have their folders in it."""
    return [path for path in (root / AUDIT_SPOOL, *sorted(root.glob(f"processes/*/{AUDIT_SPOOL}"))) if path.is_dir()]


def import_spool(settings: Settings, database: Database, folder: Path) -> int:
    """Commit what lies in a folder that came from elsewhere, unless the trail has it; how many records were. Blocks.

    Raises:
        ConfigurationError: the folder is none, in use, or was sealed by another installation.
    """
    ciphers = SpoolCiphers(settings.data_dir)
    if not folder.is_dir() or not any(folder.glob("*.spool")):
        raise ConfigurationError("the folder has no records: name an audit-spool folder with files *.spool")
    if not opens_with(folder, ciphers):
        raise ConfigurationError(
            "the folder was sealed under another installation's key, or is damaged: use the data_dir with the key files"
            " of the server that wrote it"
        )
    spool = FileAuditSpool(folder, ciphers, limit_bytes=0)
    try:
        return commit_left(database.engine, spool, seconds=float("inf"), compared=True)
    finally:
        spool.close()
