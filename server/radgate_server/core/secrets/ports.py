"""How secrets are kept from whoever reads the database, and read when they are needed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from radgate_server.core.secrets.secret import SealedSecret, Secret, SecretContext, SecretReference, SecretSource


class Fingerprints(Protocol):
    """Fingerprints, as of API keys, under this installation's key."""

    def fingerprint(self, secret: str) -> bytes:
        """A keyed hash (HMAC-SHA-256, 32 bytes) that can be compared but not turned back."""
        ...


class SecretBox(Fingerprints, Protocol):
    """Seals short secrets, each under a data key of its own that a key-encryption key wraps.

    Methods raise KeyProviderUnavailableError when the provider of key-encryption keys does not answer.
    """

    async def seal(self, secret: Secret, context: SecretContext) -> SealedSecret:
        """Encrypt and authenticate under a new data key; `context` must be the same when opening."""
        ...

    async def open(self, sealed: SealedSecret) -> Secret:
        """Decrypt. Raises ConfigurationError when the key or the context is another one, or the key is gone."""
        ...

    async def rewrap(self, sealed: SealedSecret) -> SealedSecret:
        """The same secret, its data key under the newest key-encryption key. Raises ConfigurationError as `open`."""
        ...

    def known(self, context: SecretContext, sealed: bytes) -> SealedSecret:
        """What is stored, with its identity; no I/O, and no failure: what is damaged does not open."""
        ...

    def key_of(self, sealed: SealedSecret) -> str:
        """The version of the key-encryption key that it is under; no I/O."""
        ...


@dataclass(frozen=True, slots=True)
class KeyVersion:
    """One version of the key-encryption key. `current` seals what is new; `create_time` None when it isn't known."""

    version: str
    create_time: datetime | None
    current: bool


class KeyRing(Protocol):
    """The versions of the key-encryption key, at the provider that is set. Raises KeyProviderUnavailableError."""

    async def current(self) -> str:
        """The version under which new secrets are sealed."""
        ...

    async def versions(self) -> Sequence[KeyVersion]:
        """All that can be distinguished, the oldest first."""
        ...

    async def rotate(self) -> str:
        """Make a new version, which is the current one from now on, for all processes."""
        ...

    async def prune(self, used: Collection[str]) -> Sequence[str]:
        """Remove permanently what is not `used` and not current; return what was removed."""
        ...


class SealedRecords(Protocol):
    """All sealed secrets of the directory, for wrapping them again. Raises DatabaseUnavailableError."""

    async def list_sealed(self) -> Sequence[SealedSecret]:
        """Every one of every tenant."""
        ...

    async def find_sealed(self, context: SecretContext) -> SealedSecret | None:
        """The one that is stored there now."""
        ...

    async def replace_sealed(self, old: SealedSecret, new: SealedSecret) -> bool:
        """Put `new` in place of exactly `old`, unseen by the change feed; False when that is there no more."""
        ...


class ReferenceReader(Protocol):
    """Reads what references lead to."""

    async def read(self, reference: SecretReference) -> Secret:
        """The secret as it is now. Raises KeyProviderUnavailableError, or ConfigurationError: there is none."""
        ...


class SecretReader(Protocol):
    """Hands out PACS's credentials at the time of their use."""

    async def read(self, pacs: str, source: SecretSource, *, refused: Secret | None = None) -> Secret:
        """The secret; read again if the one that is kept is `refused`, which the PACS did not take.

        Raises:
            SecretUnavailableError: it is unavailable; names the PACS.
        """
        ...
