"""PACS's credentials at the time of their use, wherever they are kept; in the clear for as short as can be."""

import asyncio
from dataclasses import dataclass

from radgate_server.core.errors import (
    ConfigurationError,
    DatabaseUnavailableError,
    KeyProviderUnavailableError,
    SecretUnavailableError,
)
from radgate_server.core.secrets.ports import ReferenceReader, SealedRecords, SecretBox
from radgate_server.core.secrets.secret import SealedSecret, Secret, SecretReference, SecretSource
from radgate_server.lib.clock import Clock
from radgate_server.lib.single_flight import SingleFlight

_LOCAL_KEYS = ("file:", "secret.key")
"""Opening what is sealed under these takes no network: it is not cached at all."""
_REREAD_S = 1.0
"""A PACS that refuses everything must not make every request a request to the keeper of its secret."""


@dataclass(frozen=True, slots=True)
class _CachedSecret:
    secret: Secret
    since_s: float


class PacsSecrets:
    """SecretReader for given, sealed and referenced secrets. What takes I/O is cached for `kept_for_s` seconds."""

    def __init__(
        self,
        box: SecretBox,
        records: SealedRecords,
        references: ReferenceReader,
        clock: Clock,
        *,
        kept_for_s: float,
    ) -> None:
        self._box = box
        self._records = records
        self._references = references
        self._clock = clock
        self._kept_for_s = kept_for_s
        self._cached: dict[SecretSource, _CachedSecret] = {}
        self._reading: SingleFlight[SecretSource, Secret] = SingleFlight()

    async def read(self, pacs: str, source: SecretSource, *, refused: Secret | None = None) -> Secret:
        """The secret; read again if the cached one is `refused`, which the PACS did not accept.

        Raises:
            SecretUnavailableError: it is unavailable; names the PACS.
        """
        if isinstance(source, Secret):
            return source
        cached = self._cached.get(source)
        if cached is not None and self._is_valid(cached, source, refused):
            return cached.secret
        try:
            return await self._reading.run(source, lambda: self._read(source))
        except (ConfigurationError, KeyProviderUnavailableError, DatabaseUnavailableError) as error:
            raise SecretUnavailableError(f"the PACS's credential can't be read: {error.message}", pacs=pacs) from None

    def _is_valid(self, cached: _CachedSecret, source: SecretSource, refused: Secret | None) -> bool:
        age_s = self._clock.monotonic_s() - cached.since_s
        if age_s >= self._kept_for_s:
            return False
        # What is sealed does not change: another secret is another source.
        return cached.secret != refused or age_s < _REREAD_S or isinstance(source, SealedSecret)

    async def _read(self, source: SealedSecret | SecretReference) -> Secret:
        if isinstance(source, SecretReference):
            secret = await self._references.read(source)
        else:
            secret = await self._open(source)
            if self._box.key_of(source).startswith(_LOCAL_KEYS):
                return secret
        self._keep(source, secret)
        return secret

    async def _open(self, sealed: SealedSecret) -> Secret:
        """Open it; as it is stored now, if the key that it was under when it was read has been pruned."""
        try:
            return await self._box.open(sealed)
        except ConfigurationError:
            stored = await self._records.find_sealed(sealed.context)
            if stored is None or stored != sealed or stored.sealed == sealed.sealed:
                raise
            return await self._box.open(stored)

    def _keep(self, source: SecretSource, secret: Secret) -> None:
        if self._kept_for_s > 0:
            cached = self._cached[source] = _CachedSecret(secret, self._clock.monotonic_s())
            asyncio.get_running_loop().call_later(self._kept_for_s, self._release, source, cached)

    def _release(self, source: SecretSource, cached: _CachedSecret) -> None:
        """Hold no secret that nobody has asked for again."""
        if self._cached.get(source) is cached:
            del self._cached[source]
