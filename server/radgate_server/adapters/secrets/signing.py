"""Ed25519 (RFC 8032): the installation signs checkpoints of its audit trail, anybody checks them."""

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from radgate_server.adapters.secrets.files.key_file import load_key
from radgate_server.core.errors import ConfigurationError

FILE_NAME = "audit-signing.key"
_KEY_ID_DIGITS = 16


class FileSigner:
    """CheckpointSigner under the key file `audit-signing.key` in `data_dir`, which is made at the first start.

    Raises:
        ConfigurationError: the key file can't be used.
    """

    def __init__(self, data_dir: Path) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(load_key(data_dir, FILE_NAME))
        self._public = self._key.public_key()
        self._key_id = _key_id(self._public)

    @property
    def key_id(self) -> str:
        """The first 16 hexadecimal digits of the SHA-256 of the public key's 32 bytes."""
        return self._key_id

    @property
    def public_key_pem(self) -> str:
        """The public key for whoever checks (SubjectPublicKeyInfo, PEM)."""
        return self._public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def sign(self, message: bytes) -> bytes:
        """The signature, 64 bytes."""
        return self._key.sign(message)


class PublicKeys:
    """The keys that whoever checks believes in; `pems` are their texts.

    Raises:
        ConfigurationError: one of them is no Ed25519 public key in PEM.
    """

    def __init__(self, pems: Iterable[str]) -> None:
        self._keys = {_key_id(key): key for key in map(_load, pems)}

    def check(self, key_id: str, message: bytes, signature: bytes) -> bool | None:
        """Whether the signature is good; None when the key is not among ours."""
        key = self._keys.get(key_id)
        if key is None:
            return None
        try:
            key.verify(signature, message)
        except InvalidSignature:
            return False
        return True


def _load(pem: str) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(pem.encode())
    except ValueError:
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise ConfigurationError("this is no Ed25519 public key as `radgate audit public-key` prints it")
    return key


def _key_id(key: Ed25519PublicKey) -> str:
    return sha256(key.public_bytes_raw()).hexdigest()[:_KEY_ID_DIGITS]
