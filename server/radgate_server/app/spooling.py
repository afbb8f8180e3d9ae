"""Where files lie that are on their way through the server."""

from radgate_server.adapters.store.spool import DiskSpool
from radgate_server.settings.settings import Settings


def open_spool(settings: Settings, memory_bytes: int) -> DiskSpool:
    """The sealed folder below data_dir that all have in common; so much of what is on its way stays in memory."""
    return DiskSpool(settings.data_dir / "spool", memory_bytes=memory_bytes).open()
