"""What wraps data keys. Versions of a provider's key are texts that begin with its kind: "file:3"."""

from typing import Protocol

from radgate_server.core.secrets.ports import KeyRing
from radgate_server.core.secrets.secret import SecretContext


class KeyProvider(KeyRing, Protocol):
    """A key-encryption key with its versions. Methods raise KeyProviderUnavailableError."""

    async def wrap(self, data_key: bytes, context: SecretContext) -> tuple[str, bytes]:
        """Wrap under the current version, bound to the context; return that version and the wrapped key."""
        ...

    async def unwrap(self, version: str, wrapped: bytes, context: SecretContext) -> bytes:
        """The data key. Raises ConfigurationError: the version is gone, or key or context are others."""
        ...


def kind_of(version: str) -> str:
    """The kind of the provider that a version belongs to."""
    return version.partition(":")[0]
