"""A token read before anything in it is believed, and what has to hold of its claims. Pure.

PyJWT reads it and verifies its signature. Claims are checked here: PyJWT compares them with the machine's clock alone,
and says less of them than an administrator needs to know.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import jwt

_MAX_TOKEN = 16 * 1024
_TYPES = frozenset({"", "jwt", "at+jwt", "application/at+jwt"})  # RFC 7519 5.1, RFC 9068 2.1
_MAX_KEY_ID = 200


@dataclass(frozen=True, slots=True)
class UnverifiedToken:
    """Its parts as anybody may have written them. `key_id` is "" when the header names none."""

    text: str
    algorithm: str
    key_id: str
    claims: Mapping[str, Any]


def read_unverified(text: str) -> UnverifiedToken:
    """Read a token in JWS Compact Serialization (RFC 7515 7.1), its signature unverified.

    Raises:
        ValueError: it is none, or too long.
    """
    if len(text) > _MAX_TOKEN:
        raise ValueError("it is too long for a token")
    try:
        read = jwt.decode_complete(text, options={"verify_signature": False})
    except (jwt.PyJWTError, UnicodeError, RecursionError) as error:
        raise ValueError("it is not a signed token (JWT)") from error
    header = read["header"]
    algorithm, key_id, kind = (header.get(name, "") for name in ("alg", "kid", "typ"))
    if not all(isinstance(value, str) for value in (algorithm, key_id, kind)) or len(key_id) > _MAX_KEY_ID:
        raise ValueError("its header is not one of a JWS")
    if kind.lower() not in _TYPES or "crit" in header or "b64" in header:
        raise ValueError("it is of a kind (typ, crit) that is not understood")
    return UnverifiedToken(text, algorithm, key_id, read["payload"])


def check_claims(claims: Mapping[str, Any], audience: Sequence[str], now_s: float, skew_s: float) -> float:
    """Return when the token ends (seconds since 1970).

    Raises:
        ValueError: it is for somebody else, has ended, or begins later.
    """
    for_whom = claims.get("aud")
    named = for_whom if isinstance(for_whom, list) else [for_whom]
    if not any(name in audience for name in named if isinstance(name, str)):
        raise ValueError("its audience (aud) is none of those in the settings")
    expires_s = _time(claims, "exp", None)
    if expires_s + skew_s <= now_s:
        ended = datetime.fromtimestamp(expires_s, UTC).isoformat(timespec="seconds")
        raise ValueError(f"it expired at {ended}")
    if max(_time(claims, "nbf", 0.0), _time(claims, "iat", 0.0)) - skew_s > now_s:
        raise ValueError("it is not valid yet (nbf, iat); see the clocks of both sides")
    return expires_s + skew_s


def _time(claims: Mapping[str, Any], name: str, default: float | None) -> float:
    value = claims.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e11 or math.isnan(value):
        raise ValueError(f"its {name} is not a time")
    return float(value)
