"""What services need of keys, to sign URLs and to know their own grants again."""

from datetime import datetime
from typing import Protocol


class UrlSigner(Protocol):
    """Signs URLs as the edge verifies them."""

    def sign(self, url: str, expire_time: datetime) -> str:
        """The URL, with what says until when it is valid and proves that. Blocks for a millisecond of computing."""
        ...


class GrantCipher(Protocol):
    """Seals what nobody but the installation is to make or read."""

    def seal(self, clear: bytes, bound: bytes) -> bytes:
        """Encrypt; `bound` must be the same when opening."""
        ...

    def open(self, sealed: bytes, bound: bytes) -> bytes:
        """Decrypt. Raises ValueError when it was damaged or sealed elsewhere."""
        ...
