"""Files that a PACS's TLS settings name."""

from pathlib import Path


def check_regular(*paths: str) -> None:
    """Look that those which are given are files. Raises OSError for a pipe or device, reading which may block."""
    if not all(Path(path).is_file() for path in paths if path):
        raise OSError("not a regular file")
