"""How secrets are kept from whoever reads the database."""

from typing import Protocol


class SecretBox(Protocol):
    """Seals short secrets, and fingerprints API keys, under this installation's key."""

    def seal(self, secret: str, context: str) -> bytes:
        """Encrypt and authenticate; `context` (tenant, PACS, field) must be the same when opening."""
        ...

    def open(self, sealed: bytes, context: str) -> str:
        """Decrypt. Raises ConfigurationError when the key or the context is another one."""
        ...

    def fingerprint(self, secret: str) -> bytes:
        """A keyed hash (HMAC-SHA-256, 32 bytes) that can be compared but not turned back."""
        ...
