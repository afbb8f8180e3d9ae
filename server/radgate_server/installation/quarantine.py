"""What server and command line share of refused instances: the folder below data_dir."""

from radgate_server.adapters.cache.quarantine.folder import QuarantineDisk
from radgate_server.adapters.cache.quarantine.tier import FolderQuarantine
from radgate_server.adapters.secrets.quarantine_key import quarantine_key
from radgate_server.core.cache.ports.keys import StudyKeys
from radgate_server.lib.clock import Clock
from radgate_server.settings.settings import Settings

_FOLDER = "quarantine"


def open_quarantine(settings: Settings, keys: StudyKeys | None, clock: Clock) -> FolderQuarantine:
    """Nothing is made on the disk before something is stored. Raises ConfigurationError: the key file can't be used."""
    key = quarantine_key(settings.data_dir)
    return FolderQuarantine(QuarantineDisk(settings.data_dir / _FOLDER, settings.quarantine.limits, clock, key, keys))
