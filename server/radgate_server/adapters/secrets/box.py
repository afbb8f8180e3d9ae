"""SecretBox by envelopes: AES-256-GCM (NIST SP 800-38D) under a data key for each secret, which a provider wraps."""

import hmac
import os
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from radgate_server.adapters.secrets.derive import derive
from radgate_server.adapters.secrets.envelope import ENVELOPE_FORM, FIRST_FORM, NONCE_BYTES, Envelope, unpack
from radgate_server.adapters.secrets.files.key_file import FILE_NAME, KEY_BYTES, load_key
from radgate_server.adapters.secrets.provider import KeyProvider, kind_of
from radgate_server.core.errors import ConfigurationError
from radgate_server.core.secrets.secret import SealedSecret, Secret, SecretContext

FIRST_KEY = FILE_NAME
"""What the key of form 1 is called among the versions: the installation's own."""
DAMAGED = "damaged"


class EnvelopeBox:
    """SecretBox. What is new is sealed by the provider of kind `current`; the others open what they sealed once.

    The installation's key in `data_dir`, made at the first start, opens form 1 and fingerprints API keys.

    Raises:
        ConfigurationError: the key file can't be used.
    """

    def __init__(self, data_dir: Path, providers: Mapping[str, KeyProvider], current: str) -> None:
        self._installation_key = load_key(data_dir)
        self._fingerprint_key = derive(self._installation_key, b"radgate fingerprint 1")
        self._providers = providers
        self._current = providers[current]

    async def seal(self, secret: Secret, context: SecretContext) -> SealedSecret:
        """Encrypt and authenticate under a new data key; `context` must be the same when opening."""
        return await self._seal(secret, context, os.urandom(NONCE_BYTES))

    async def open(self, sealed: SealedSecret) -> Secret:
        """Decrypt. Raises ConfigurationError when the key or the context is another one, or the key is gone."""
        envelope = unpack(sealed.sealed)
        if envelope.form == FIRST_FORM:
            key = derive(self._installation_key, b"radgate seal 1")
        else:
            key = await self._unwrap(envelope, sealed.context)
        try:
            clear = AESGCM(key).decrypt(envelope.nonce, envelope.ciphertext, _bound(envelope.form, sealed.context))
        except InvalidTag:
            raise ConfigurationError("a sealed secret does not open: it was sealed under another key") from None
        return Secret(clear.decode())

    async def rewrap(self, sealed: SealedSecret) -> SealedSecret:
        """The same secret, its data key under the newest key-encryption key. Raises ConfigurationError as `open`."""
        envelope = unpack(sealed.sealed)
        if envelope.form == FIRST_FORM:
            # Under a new key the nonce may be the old one; it is what the secret is known by.
            return await self._seal(await self.open(sealed), sealed.context, envelope.nonce)
        data_key = await self._unwrap(envelope, sealed.context)
        version, wrapped = await self._current.wrap(data_key, sealed.context)
        renewed = Envelope(ENVELOPE_FORM, version, wrapped, envelope.nonce, envelope.ciphertext)
        return SealedSecret(sealed.context, sealed.identity, renewed.pack())

    def known(self, context: SecretContext, sealed: bytes) -> SealedSecret:
        """What is stored, with its identity; no I/O. What is damaged is known by all its bytes, and does not open."""
        try:
            identity = unpack(sealed).nonce
        except ConfigurationError:
            identity = sealed
        return SealedSecret(context, identity, sealed)

    def key_of(self, sealed: SealedSecret) -> str:
        """The version of the key-encryption key that it is under, DAMAGED when that can't be determined; no I/O."""
        try:
            return unpack(sealed.sealed).version or FIRST_KEY
        except ConfigurationError:
            return DAMAGED

    def fingerprint(self, secret: str) -> bytes:
        """A keyed hash (HMAC-SHA-256, 32 bytes) that can be compared but not turned back."""
        return hmac.digest(self._fingerprint_key, secret.encode(), "sha256")

    async def _seal(self, secret: Secret, context: SecretContext, nonce: bytes) -> SealedSecret:
        data_key = AESGCM.generate_key(8 * KEY_BYTES)
        version, wrapped = await self._current.wrap(data_key, context)
        bound = _bound(ENVELOPE_FORM, context)
        ciphertext = AESGCM(data_key).encrypt(nonce, secret.reveal().encode(), bound)
        return SealedSecret(context, nonce, Envelope(ENVELOPE_FORM, version, wrapped, nonce, ciphertext).pack())

    async def _unwrap(self, envelope: Envelope, context: SecretContext) -> bytes:
        provider = self._providers.get(kind_of(envelope.version))
        if provider is None:
            raise ConfigurationError("a secret is sealed under a provider of keys that section `secrets` does not set")
        return await provider.unwrap(envelope.version, envelope.wrapped, context)


def _bound(form: int, context: SecretContext) -> bytes:
    """The associated data: neither form nor place of a sealed secret can be changed."""
    return bytes((form,)) + context.text.encode()
