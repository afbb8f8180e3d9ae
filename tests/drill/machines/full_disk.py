"""A server whose data folder lies on a small disk of its own, which can be filled."""

import shutil
from pathlib import Path

from tests.e2e.radgate_process import RadgateProcess

ROOM_BYTES = 96 << 20
"""More than the 64 MiB at which a server reports that its disk is nearly full."""

# The disk is in the mount namespace of that server alone, and gone with its process.
_SCRIPT = f'mount -t tmpfs -o size={ROOM_BYTES} radgate "$1" && cp -a "$2/." "$1" && shift 2 && exec "$@"'

_ON_SMALL_DISK = ("unshare", "--mount", "sh", "-c", _SCRIPT, "sh")


def fill_disk(server: RadgateProcess) -> None:
    """Start it again on such a disk, and fill that."""
    server.stop()
    before = _before(server)
    shutil.copytree(server.data_dir, before)
    server.prefix = (*server.prefix, *_ON_SMALL_DISK, str(server.data_dir), str(before))
    server.start()
    with _filler(server).open("wb", buffering=0) as filler:
        try:
            while True:
                filler.write(bytes(1 << 16))
        except OSError:
            return  # it is full


def empty_disk(server: RadgateProcess) -> None:
    """Make room, and start it again on the disk that it had."""
    _filler(server).unlink()
    server.stop()
    server.prefix = server.prefix[: -len(_ON_SMALL_DISK) - 2]
    shutil.rmtree(_before(server))
    server.start()


def _before(server: RadgateProcess) -> Path:
    return server.folder / "before"


def _filler(server: RadgateProcess) -> Path:
    """As the server sees it."""
    return Path(f"/proc/{server.pid}/root{server.data_dir}/filler")
