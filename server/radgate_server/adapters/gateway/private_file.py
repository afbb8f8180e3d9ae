"""Files of the gateway that its user alone may read."""

import os
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Write the file again, for this user alone: also where one is in its place that others may read."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123 - the mode must hold from the first byte on
        os.fchmod(file.fileno(), 0o600)
        file.truncate()
        file.write(text)
