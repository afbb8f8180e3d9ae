"""The installation's part of the keys that refused instances are sealed under."""

from pathlib import Path

from radgate_server.adapters.secrets.derive import derive
from radgate_server.adapters.secrets.files.key_file import load_key


def quarantine_key(data_dir: Path) -> bytes:
    """32 bytes, always the same. Raises ConfigurationError: the key file in `data_dir` can't be used."""
    return derive(load_key(data_dir), b"radgate quarantine 1")
