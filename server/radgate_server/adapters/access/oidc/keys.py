"""A provider's public keys: which can be used for what. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

_MAX_KEYS = 100
_MIN_RSA_BITS = 2048
_RSA = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_EDWARDS = frozenset({"EdDSA"})
_CURVES = {"secp256r1": frozenset({"ES256"}), "secp384r1": frozenset({"ES384"}), "secp521r1": frozenset({"ES512"})}


class SigningKey(NamedTuple):
    """One public key and the algorithms (RFC 7518 3.1) that it may be used with."""

    key_id: str
    algorithms: frozenset[str]
    public_key: Any


def read_keys(document: Any) -> tuple[SigningKey, ...]:
    """Read a JWK Set (RFC 7517 section 5); what is no public signing key in it is left out.

    Raises:
        ValueError: it is no JWK Set.
    """
    keys = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(keys, list):
        raise ValueError("not a JWK Set")
    return tuple(_signing_keys(keys[:_MAX_KEYS]))


def _signing_keys(keys: list[Any]) -> Iterator[SigningKey]:
    for found in keys:
        if not isinstance(found, dict) or found.get("kty") == "oct" or found.get("use", "sig") != "sig":
            continue
        try:
            public_key = jwt.PyJWK(found).key
        except (jwt.PyJWTError, ValueError, TypeError):
            continue
        algorithms = _algorithms_of(public_key)
        if (only := found.get("alg")) is not None:
            algorithms = algorithms & {only} if isinstance(only, str) else frozenset()
        if algorithms:
            yield SigningKey(str(found.get("kid", "")), algorithms, public_key)


def _algorithms_of(public_key: Any) -> frozenset[str]:
    match public_key:
        case RSAPublicKey():
            return _RSA if public_key.key_size >= _MIN_RSA_BITS else frozenset()
        case EllipticCurvePublicKey():
            return _CURVES.get(public_key.curve.name, frozenset())
        case Ed25519PublicKey() | Ed448PublicKey():
            return _EDWARDS
    return frozenset()  # private keys and secrets among them: whoever publishes one has no secret
