"""Encrypts what waits on the disk of one server, under a key of the installation's: no provider is asked meanwhile."""

import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from radgate_server.adapters.secrets.derive import derive
from radgate_server.adapters.secrets.files.key_file import load_key

_NONCE_BYTES = 12


class SpoolCiphers:
    """Ciphers by a key for each segment, since random nonces are good for 2^32 records under one (SP 800-38D, 8.3).

    Raises:
        ConfigurationError: the key file in `data_dir` can't be used.
    """

    def __init__(self, data_dir: Path) -> None:
        self._key = load_key(data_dir)

    def of_segment(self, number: int) -> "SpoolCipher":
        """That segment's, always the same."""
        return SpoolCipher(derive(self._key, b"radgate audit spool 2 " + str(number).encode()))


class SpoolCipher:
    """Cipher by AES-256-GCM (NIST SP 800-38D); the random nonce stands before the ciphertext."""

    def __init__(self, key: bytes) -> None:
        self._key = AESGCM(key)

    def seal(self, clear: bytes, bound: bytes) -> bytes:
        """Encrypt; `bound` must be the same when opening."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._key.encrypt(nonce, clear, bound)

    def open(self, sealed: bytes, bound: bytes) -> bytes:
        """Decrypt. Raises ValueError when it was damaged, or sealed under another key or with something else bound."""
        try:
            return self._key.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound)
        except InvalidTag:
            raise ValueError("it does not open") from None
