"""What a process has open, also when it has no name any more."""

from contextlib import suppress
from pathlib import Path


def open_below(folder: Path, pid: int | str = "self") -> list[Path]:
    """The ways to what the process has open in the folder; they can be read and written as files."""
    found = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # the listing's own, or closed meanwhile
            if str(link.readlink()).startswith(f"{folder}/"):
                found.append(link)
    return found
