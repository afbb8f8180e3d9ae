"""Key-encryption keys in files below `data_dir/keys`, one a version; the highest number is the current one.

Nothing of them is kept in memory: each call looks at the folder, so that every process sees a new version at once.
"""

import asyncio
import os
import re
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from radgate_server.adapters.secrets.files.key_file import create_key, read_key, sync_folder
from radgate_server.core.errors import ConfigurationError
from radgate_server.core.secrets.ports import KeyVersion
from radgate_server.core.secrets.secret import SecretContext

KIND = "file"
_NAME = re.compile(r"kek-(\d{6})\.key")
_NONCE_BYTES = 12
_PURPOSE = b"radgate data key 1/"


class FileKeys:
    """KeyProvider over a folder (0700) of key files (0600)."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / "keys"

    async def current(self) -> str:
        """The version under which new secrets are sealed; the first use makes the first one."""
        return _version(await asyncio.to_thread(self._newest))

    async def versions(self) -> Sequence[KeyVersion]:
        """All, the oldest first; the time is that of the file."""
        return await asyncio.to_thread(self._versions)

    async def rotate(self) -> str:
        """Make a new version, which is the current one from now on."""
        return _version(await asyncio.to_thread(self._make_next))

    async def prune(self, used: Collection[str]) -> Sequence[str]:
        """Remove the files of all versions that are neither used nor current."""
        return await asyncio.to_thread(self._prune, used)

    async def wrap(self, data_key: bytes, context: SecretContext) -> tuple[str, bytes]:
        """Wrap under the newest version: nonce (12), ciphertext with tag (16)."""
        return await asyncio.to_thread(self._wrap, data_key, context)

    async def unwrap(self, version: str, wrapped: bytes, context: SecretContext) -> bytes:
        """The data key. Raises ConfigurationError: the file is gone or unusable, or key or context are others."""
        return await asyncio.to_thread(self._unwrap, version, wrapped, context)

    def _wrap(self, data_key: bytes, context: SecretContext) -> tuple[str, bytes]:
        number, nonce = self._newest(), os.urandom(_NONCE_BYTES)
        key = read_key(self._path(number))
        return _version(number), nonce + AESGCM(key).encrypt(nonce, data_key, _bound(context))

    def _unwrap(self, version: str, wrapped: bytes, context: SecretContext) -> bytes:
        digits = version.removeprefix(f"{KIND}:")
        if not digits.isdecimal() or not self._path(int(digits)).exists():
            raise ConfigurationError(f"the key {version[:40]!r} that a secret is sealed under is not in data_dir/keys")
        cipher = AESGCM(read_key(self._path(int(digits))))
        try:
            return cipher.decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], _bound(context))
        except (InvalidTag, ValueError):
            raise ConfigurationError(f"a secret's data key does not open under {version[:40]}") from None

    def _versions(self) -> Sequence[KeyVersion]:
        newest = self._newest()
        return tuple(KeyVersion(_version(n), _time_of(self._path(n)), n == newest) for n in self._numbers())

    def _prune(self, used: Collection[str]) -> Sequence[str]:
        newest = self._newest()
        gone = [number for number in self._numbers() if number != newest and _version(number) not in used]
        for number in gone:
            self._path(number).unlink(missing_ok=True)
        sync_folder(self._folder)
        return tuple(map(_version, gone))

    def _newest(self) -> int:
        numbers = self._numbers()
        return numbers[-1] if numbers else self._make_next()

    def _make_next(self) -> int:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            number = max(self._numbers(), default=0) + 1
            create_key(self._path(number))
        except OSError as error:
            raise ConfigurationError(f"can't make a key in data_dir/keys: {os.strerror(error.errno or 0)}") from None
        return number

    def _numbers(self) -> list[int]:
        if not self._folder.is_dir():
            return []
        return sorted(int(match[1]) for path in self._folder.iterdir() if (match := _NAME.fullmatch(path.name)))

    def _path(self, number: int) -> Path:
        return self._folder / _name(number)


def file_of(version: str) -> str:
    """Where the version's key lies below data_dir; "" for a version of another provider."""
    digits = version.removeprefix(f"{KIND}:")
    return f"keys/{_name(int(digits))}" if version != digits and digits.isdecimal() else ""


def _name(number: int) -> str:
    return f"kek-{number:06}.key"


def _version(number: int) -> str:
    return f"{KIND}:{number}"


def _bound(context: SecretContext) -> bytes:
    return _PURPOSE + context.text.encode()


def _time_of(path: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:  # another process has just pruned it
        return None
