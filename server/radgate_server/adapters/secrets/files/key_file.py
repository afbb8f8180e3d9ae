"""Key files: 32 random bytes each, in hexadecimal digits, for their owner alone."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from radgate_server.core.errors import ConfigurationError

FILE_NAME = "secret.key"
KEY_BYTES = 32
_OPEN_TO_OTHERS = 0o077
_OPEN_TO_ALL = 0o007


def make_data_dir(data_dir: Path) -> None:
    """Make the folder with its parents, for its owner alone (0700), when there is none; close one that is open.

    Raises:
        ConfigurationError: it can't be made, or is open to others and not ours to close.
    """
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = data_dir.stat().st_mode
    except OSError as error:
        raise ConfigurationError(f"can't make the folder data_dir: {os.strerror(error.errno or 0)}") from None
    if mode & _OPEN_TO_OTHERS:
        try:
            data_dir.chmod(0o700)
        except OSError:
            # A volume of Kubernetes is root's and the pod's group's (fsGroup): that group is ours.
            if mode & _OPEN_TO_ALL:
                raise ConfigurationError(
                    "others can look into data_dir, which is another user's: have it closed (chmod 700), or set"
                    " data_dir to a folder in it"
                ) from None


def load_key(data_dir: Path, file_name: str = FILE_NAME) -> bytes:
    """Return the key in that file of `data_dir`, making folder (0700) and key file (0600) when there are none.

    Processes that start at once end with the same key, and a crash leaves no half-written one.

    Raises:
        ConfigurationError: the folder or file can't be used, others can read the file, or it holds no key.
    """
    make_data_dir(data_dir)
    path = data_dir / file_name
    with _said_of(file_name):
        if not path.exists():
            create_key(path)
    return read_key(path)


def create_key(path: Path) -> None:
    """Make the file (0600) with a new key, unless there is one.

    Raises:
        OSError: it can't be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(file, "w", encoding="ascii") as stream:
            stream.write(secrets.token_hex(KEY_BYTES) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        # Linking appears at once and, unlike renaming, never replaces the key of a process that was faster.
        with suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink()
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """See that what was made or removed in the folder is so on the disk too."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_key(path: Path) -> bytes:
    """Return the key.

    Raises:
        ConfigurationError: the file can't be read, others can read it too, or it holds no key.
    """
    with _said_of(path.name), path.open(encoding="ascii") as file:
        if os.fstat(file.fileno()).st_mode & _OPEN_TO_OTHERS:
            raise ConfigurationError(f"others can read {path.name} in data_dir; close it with: chmod 600 {path.name}")
        try:
            key = bytes.fromhex(file.read().strip())
        except ValueError:
            key = b""
    if len(key) != KEY_BYTES:
        raise ConfigurationError(
            f"{path.name} in data_dir holds no key of {2 * KEY_BYTES} hexadecimal digits; restore it from a backup"
        )
    return key


@contextmanager
def _said_of(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(f"can't use {name} in data_dir: {os.strerror(error.errno or 0)}") from None
