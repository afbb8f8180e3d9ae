"""Tokens of a real identity provider, and of those who would like to be one."""

import base64
import json
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from radgate_server.adapters.access.oidc import OidcVerifier
from radgate_server.core.errors import IdentityProviderUnreachableError, UnauthenticatedError
from radgate_server.settings.access import OidcSettings
from tests.fakes.clock import FakeClock
from tests.integration.identity_provider import IdentityProvider

CLIENT = "radgate"
JANE = {"sub": "jane", "tenants": ["north"], "realm_access": {"roles": ["radiologist"]}}


class WallClock(FakeClock):
    """A clock that shows the time of day, and that a test may move on."""

    def __init__(self) -> None:
        super().__init__(datetime.now(UTC))


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    with IdentityProvider((JANE,)) as provider:
        yield provider


@pytest.fixture
def clock() -> WallClock:
    return WallClock()


def settings_of(provider: IdentityProvider, **values: Any) -> OidcSettings:
    rest = {"name": "mock", "tenant_claim": ("tenants",), "default_role": "viewer"}
    return OidcSettings(issuer=provider.issuer, audience=(CLIENT,), **{**rest, **values})


@pytest.fixture
async def verifier(provider: IdentityProvider, clock: WallClock) -> AsyncIterator[OidcVerifier]:
    verifier = OidcVerifier((settings_of(provider),), clock)
    yield verifier
    await verifier.close()


REFUSED = "this credential is not accepted: it is unknown, it has ended, or it was revoked", {}
"""The same whatever is wrong with it: nobody learns which part of a token to mend."""


async def refusal(verifier: OidcVerifier, token: str) -> tuple[str, object]:
    """Message and details."""
    with pytest.raises(UnauthenticatedError) as refused:
        await verifier.verify(token)
    return refused.value.message, refused.value.details


async def test_a_provider_that_is_away_is_reported_until_it_answers_again(
    provider: IdentityProvider, clock: WallClock
) -> None:
    fetched: list[tuple[str, bool]] = []
    away = settings_of(provider, discovery_url="http://127.0.0.1:9/nothing", keys_refetch_s=0.001)
    verifier = OidcVerifier((away,), clock, lambda name, well: fetched.append((name, well)))
    assert await verifier.problem() == ""
    with pytest.raises(IdentityProviderUnreachableError):
        await verifier.verify(provider.token("jane", CLIENT))
    assert (await verifier.problem()).startswith("the keys of mock can't be read; ")
    assert fetched[0] == ("mock", False)
    await verifier.close()


async def test_a_token_of_the_provider_is_accepted(provider: IdentityProvider, verifier: OidcVerifier) -> None:
    verified = await verifier.verify(provider.token("jane", CLIENT))
    assert (verified.provider, verified.claims["sub"], verified.claims["tenants"]) == ("mock", "jane", ["north"])
    assert verified.claims["realm_access"] == {"roles": ["radiologist"]}


async def test_a_token_for_another_application_is_refused(provider: IdentityProvider, verifier: OidcVerifier) -> None:
    assert await refusal(verifier, provider.token("jane", "another")) == REFUSED


async def test_a_token_ends_when_it_says_and_a_little_later_by_other_clocks(
    provider: IdentityProvider, verifier: OidcVerifier, clock: WallClock
) -> None:
    token = provider.token("jane", CLIENT)
    clock.advance(3600 + 30)
    await verifier.verify(token)
    clock.advance(60)
    assert await refusal(verifier, token) == REFUSED


async def test_a_token_from_the_future_is_refused(
    provider: IdentityProvider, verifier: OidcVerifier, clock: WallClock
) -> None:
    clock.advance(-120)
    assert await refusal(verifier, provider.token("jane", CLIENT)) == REFUSED


async def test_a_token_that_is_signed_by_nobody_is_refused(provider: IdentityProvider, verifier: OidcVerifier) -> None:
    _, claims, signature = provider.token("jane", CLIENT).split(".")
    for algorithm in ("none", "None", "NONE", ""):
        header = _encoded({"alg": algorithm, "typ": "JWT"})
        assert await refusal(verifier, f"{header}.{claims}.") == REFUSED
        assert await refusal(verifier, f"{header}.{claims}.{signature}") == REFUSED


async def test_a_token_that_is_signed_with_the_public_key_as_a_secret_is_refused(
    provider: IdentityProvider, verifier: OidcVerifier
) -> None:
    key = jwt.PyJWK(httpx.get(f"{provider.issuer}/jwks", timeout=30, trust_env=False).json()["keys"][0]).key
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    _, claims, _ = provider.token("jane", CLIENT).split(".")
    header = _encoded({"alg": "HS256", "typ": "JWT"})
    algorithm = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    signature = base64.urlsafe_b64encode(algorithm.sign(f"{header}.{claims}".encode(), pem)).rstrip(b"=").decode()
    assert await refusal(verifier, f"{header}.{claims}.{signature}") == REFUSED


async def test_claims_that_were_changed_are_refused(provider: IdentityProvider, verifier: OidcVerifier) -> None:
    header, claims, signature = provider.token("jane", CLIENT).split(".")
    changed = json.loads(base64.urlsafe_b64decode(claims + "==")) | {"tenants": ["south"]}
    assert await refusal(verifier, f"{header}.{_encoded(changed)}.{signature}") == REFUSED


@pytest.mark.parametrize("header", [{}, {"kid": "unknown"}])
async def test_a_token_that_is_signed_by_another_key_is_refused(
    provider: IdentityProvider, verifier: OidcVerifier, header: dict[str, str]
) -> None:
    key = rsa.generate_private_key(65537, 2048)
    claims = {"iss": provider.issuer, "aud": CLIENT, "sub": "jane", "exp": time.time() + 60, "tenants": ["north"]}
    assert await refusal(verifier, jwt.encode(claims, key, "RS256", headers=header)) == REFUSED


async def test_a_token_of_another_issuer_is_refused(verifier: OidcVerifier) -> None:
    with IdentityProvider((JANE,)) as other:
        assert await refusal(verifier, other.token("jane", CLIENT)) == REFUSED


async def test_each_of_several_providers_vouches_for_its_own(provider: IdentityProvider, clock: WallClock) -> None:
    with IdentityProvider(({"sub": "joe"},)) as second:
        both = OidcVerifier((settings_of(provider), settings_of(second, name="second")), clock)
        assert (await both.verify(provider.token("jane", CLIENT))).provider == "mock"
        assert (await both.verify(second.token("joe", CLIENT))).provider == "second"
        await both.close()


async def test_a_provider_that_changes_its_key_is_asked_for_it_but_not_too_often(clock: WallClock) -> None:
    provider = IdentityProvider((JANE,))
    with provider:
        verifier = OidcVerifier((settings_of(provider),), clock)
        former = provider.token("jane", CLIENT)
        await verifier.verify(former)
    with provider:
        renewed = provider.token("jane", CLIENT)
        assert await refusal(verifier, renewed) == REFUSED  # asked less than keys_refetch_s ago
        await verifier.verify(former)
        clock.advance(11)
        await verifier.verify(renewed)
        assert await refusal(verifier, former) == REFUSED
    await verifier.close()


async def test_a_provider_that_is_down_says_nothing_of_the_token(clock: WallClock) -> None:
    provider = IdentityProvider((JANE,))
    verifier = OidcVerifier((settings_of(provider),), clock)
    with provider:
        token = provider.token("jane", CLIENT)
    with pytest.raises(IdentityProviderUnreachableError):
        await verifier.verify(token)
    await verifier.close()


async def test_a_provider_that_goes_away_is_missed_only_when_its_keys_are_a_day_old(clock: WallClock) -> None:
    with IdentityProvider((JANE,), token_max_age_s=200_000) as provider:
        verifier = OidcVerifier((settings_of(provider),), clock)
        token = provider.token("jane", CLIENT)
        await verifier.verify(token)
    clock.advance(86_000)
    await verifier.verify(token)
    clock.advance(1_000)
    with pytest.raises(IdentityProviderUnreachableError):
        await verifier.verify(token)
    await verifier.close()


def _encoded(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
