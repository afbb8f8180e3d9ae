"""CloudFront: signed URLs by its canned policy, which covers the whole URL."""

from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from radgate_server.core.errors import ConfigurationError


class CloudFrontUrlSigner:
    """UrlSigner by botocore. Raises ConfigurationError when the key can't be used or boto3 is missing."""

    def __init__(self, key_pair_id: str, private_key_file: str) -> None:
        try:
            from botocore.signers import CloudFrontSigner
        except ImportError:
            raise ConfigurationError("setting edge.url: it needs boto3: install radgate-server[aws]") from None
        self._key = _load(Path(private_key_file))
        self._signer = CloudFrontSigner(key_pair_id, self._sign)

    def sign(self, url: str, expire_time: datetime) -> str:
        """The URL with Expires, Signature and Key-Pair-Id."""
        signed: str = self._signer.generate_presigned_url(url, date_less_than=expire_time)
        return signed

    def _sign(self, policy: bytes) -> bytes:
        return self._key.sign(policy, PKCS1v15(), SHA1())  # noqa: S303 # the one hash that every distribution takes


def _load(path: Path) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise ConfigurationError(
            f"setting edge.private_key_file: {type(error).__name__}; it must be a readable RSA key (PEM, no password)"
        ) from None
    if not isinstance(key, RSAPrivateKey):
        raise ConfigurationError("setting edge.private_key_file: CloudFront's canned policy needs an RSA key")
    return key
