"""SecretBox under a key file: AES-256-GCM (NIST SP 800-38D), HMAC-SHA-256, keys apart by HKDF (RFC 5869)."""

import hmac
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from radgate_server.adapters.secrets.key_file import load_key
from radgate_server.core.errors import ConfigurationError

_KEY_BYTES = 32
_NONCE_BYTES = 12
# The first byte of what is sealed says how; another key or cipher gets another number.
_VERSION = b"\x01"


class FileSecretBox:
    """SecretBox under the key in `data_dir`, which is made at the first start.

    Sealed bytes are version (1), nonce (12, random), ciphertext with tag (16). The context is authenticated with them.

    Raises:
        ConfigurationError: the key file can't be used.
    """

    def __init__(self, data_dir: Path) -> None:
        key = load_key(data_dir)
        self._cipher = AESGCM(_derive(key, b"radgate seal 1"))
        self._fingerprint_key = _derive(key, b"radgate fingerprint 1")

    def seal(self, secret: str, context: str) -> bytes:
        """Encrypt and authenticate; `context` (tenant, PACS, field) must be the same when opening."""
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, secret.encode(), _VERSION + context.encode())

    def open(self, sealed: bytes, context: str) -> str:
        """Decrypt. Raises ConfigurationError when the key or the context is another one."""
        version, nonce, ciphertext = sealed[:1], sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        if version != _VERSION or len(nonce) != _NONCE_BYTES:
            raise ConfigurationError("a sealed secret is of a form that this version does not know")
        try:
            return self._cipher.decrypt(nonce, ciphertext, _VERSION + context.encode()).decode()
        except InvalidTag:
            raise ConfigurationError(
                "a sealed secret does not open: secret.key is not the one it was sealed with"
            ) from None

    def fingerprint(self, secret: str) -> bytes:
        """A keyed hash (HMAC-SHA-256, 32 bytes) that can be compared but not turned back."""
        return hmac.digest(self._fingerprint_key, secret.encode(), "sha256")


def _derive(key: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=purpose).derive(key)
