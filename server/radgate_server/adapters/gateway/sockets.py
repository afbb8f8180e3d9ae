"""Unix sockets in the gateway's folder, which is its owner's alone: nobody else can reach them."""

import os
from pathlib import Path

from radgate_server.config import Settings

_MAX_PATH = 100  # sun_path holds 108 bytes


def folder_of(settings: Settings) -> Path:
    """Where Envoy's configuration, secrets and sockets lie."""
    return settings.data_dir / "gateway"


def socket_in(folder: Path, name: str) -> Path | None:
    """The socket of that name, or None when the path of the folder is too long for one."""
    path = folder / name
    return path if len(os.fsencode(path)) <= _MAX_PATH else None


def server_socket(settings: Settings) -> Path | None:
    """Where the server is to listen for Envoy, in a folder that is there; None: at its port alone.

    Bodies go through a Unix socket at less cost than through TCP on the loopback address.
    """
    folder = folder_of(settings)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return socket_in(folder, f"server-{settings.grpc_port}.sock")
