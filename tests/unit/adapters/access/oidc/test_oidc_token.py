"""What is wrong with a token before its signature is looked at, and which keys are fit to sign one."""

import base64
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from radgate_server.adapters.access.oidc.keys import read_keys
from radgate_server.adapters.access.oidc.token import check_claims, read_unverified

GOOD = {"aud": "radgate", "exp": 1000}


def text_of(header: object, claims: object = GOOD) -> str:
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims)]
    return f"{parts[0]}.{parts[1]}.c2ln"


def test_a_token_is_read() -> None:
    token = read_unverified(text_of({"alg": "RS256", "kid": "k", "typ": "at+JWT"}))
    assert (token.algorithm, token.key_id, token.claims) == ("RS256", "k", GOOD)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a.b",
        "a.b.c.d",
        "....",
        "!.!.!",
        text_of([]),
        text_of({"alg": "RS256"}, []),
        text_of({"alg": ["RS256"]}),
        text_of({"alg": None}),
        text_of({"alg": "RS256", "kid": 1}),
        text_of({"alg": "RS256", "kid": "k" * 201}),
        text_of({"alg": "RS256", "crit": ["exp"]}),
        text_of({"alg": "RS256", "b64": False}),
        text_of({"alg": "RS256", "typ": "logout+jwt"}),
        text_of({"alg": "RS256"}, {"a": "b" * 20_000}),
        base64.urlsafe_b64encode(b"[" * 9000).decode() + ".e30.c2ln",
        base64.urlsafe_b64encode(b"\xff\xfe").decode() + ".e30.c2ln",
    ],
)
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        read_unverified(text)


@pytest.mark.parametrize(
    "claims",
    [
        GOOD,
        GOOD | {"aud": ["other", "radgate"]},
        GOOD | {"nbf": 1059, "iat": 1059},
        GOOD | {"exp": 940.5},
    ],
)
def test_claims_that_are_good(claims: dict[str, Any]) -> None:
    assert check_claims(claims, ("radgate", "api"), 1000, 60) == claims["exp"] + 60


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": None},
        {"aud": "Radgate"},
        {"aud": []},
        {"aud": [["radgate"]]},
        {"aud": {"radgate": 1}},
        {"exp": None},
        {"exp": 940},
        {"exp": "1000"},
        {"exp": True},
        {"exp": float("nan")},
        {"exp": float("inf")},
        {"exp": -1},
        {"nbf": 1061},
        {"iat": 1061},
        {"iat": "now"},
    ],
)
def test_claims_that_are_not_good(changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        check_claims(GOOD | changed, ("radgate",), 1000, 60)


def jwk(key: Any, **members: Any) -> dict[str, Any]:
    kinds = {
        rsa.RSAPublicKey: jwt.algorithms.RSAAlgorithm,
        ec.EllipticCurvePublicKey: jwt.algorithms.ECAlgorithm,
        ed25519.Ed25519PublicKey: jwt.algorithms.OKPAlgorithm,
    }
    public = key.public_key()
    to_jwk = next(maker.to_jwk for kind, maker in kinds.items() if isinstance(public, kind))
    return {**json.loads(to_jwk(public)), "kid": "k", **members}


RSA = rsa.generate_private_key(65537, 2048)
P256, P384 = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP384R1())


@pytest.mark.parametrize(
    ("key", "algorithms"),
    [
        (jwk(RSA), {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}),
        (jwk(RSA, use="sig", alg="PS256"), {"PS256"}),
        (jwk(P256), {"ES256"}),
        (jwk(P384), {"ES384"}),
        (jwk(ed25519.Ed25519PrivateKey.generate()), {"EdDSA"}),
    ],
)
def test_a_key_signs_with_the_algorithms_of_its_kind(key: dict[str, Any], algorithms: set[str]) -> None:
    (found,) = read_keys({"keys": [key]})
    assert (found.key_id, found.algorithms) == ("k", algorithms)


@pytest.mark.parametrize(
    "key",
    [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "k"},
        jwk(RSA, use="enc"),
        jwk(RSA, alg="HS256"),
        jwk(RSA, alg=7),
        jwk(P256, alg="ES384"),
        jwk(rsa.generate_private_key(65537, 1024)),
        {**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(RSA)), "kid": "k"},
        {"kty": "XYZ"},
        {"kty": "RSA", "n": "!", "e": "AQAB"},
        "text",
        None,
    ],
    ids=["secret", "encrypts", "MAC", "number", "curve", "short", "private", "unknown", "damaged", "text", "none"],
)
def test_what_is_no_public_signing_key_is_left_out(key: object) -> None:
    assert [found.algorithms for found in read_keys({"keys": [key, jwk(P256)]})] == [{"ES256"}]


@pytest.mark.parametrize("document", [None, [], {}, {"keys": None}, {"keys": {"a": 1}}])
def test_what_is_no_set_of_keys_is_refused(document: object) -> None:
    with pytest.raises(ValueError, match="JWK Set"):
        read_keys(document)
