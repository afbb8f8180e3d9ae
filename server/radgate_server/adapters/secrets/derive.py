"""Keys for one purpose each, made of the installation's key."""

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from radgate_server.adapters.secrets.files.key_file import KEY_BYTES


def derive(key: bytes, purpose: bytes) -> bytes:
    """HKDF-SHA-256 (RFC 5869) of the key, 32 bytes; another purpose, another key."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose).derive(key)
