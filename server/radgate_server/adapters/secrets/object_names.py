"""The installation's part of the names of its objects in an object store."""

from pathlib import Path

from radgate_server.adapters.secrets.derive import derive
from radgate_server.adapters.secrets.files.key_file import load_key


def object_name_key(data_dir: Path) -> bytes:
    """32 bytes, the same at all servers. Raises ConfigurationError: the key file in `data_dir` can't be used."""
    return derive(load_key(data_dir), b"radgate object names 1")
