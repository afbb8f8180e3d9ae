"""When a provider is asked for its keys, and what of its answers is believed."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from radgate_server.adapters.access.oidc.key_source import KeySource
from radgate_server.core.errors import IdentityProviderUnreachableError
from radgate_server.settings.access import OidcSettings
from tests.fakes.clock import FakeClock
from tests.unit.adapters.access.oidc.test_oidc_token import jwk

ISSUER = "https://login.example/realms/north"


class Provider:
    """A provider's two documents over httpx's transport for tests; a test may change them."""

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {"keys": [jwk(ec.generate_private_key(ec.SECP256R1()), kid="old")]}
        self.metadata: dict[str, Any] = {"issuer": ISSUER, "jwks_uri": "https://login.example/keys"}
        self.status = 200
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(str(request.url))
        return httpx.Response(self.status, json=self.keys if request.url.path == "/keys" else self.metadata)


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def source(provider: Provider, clock: FakeClock) -> AsyncIterator[KeySource]:
    settings = OidcSettings(
        name="idp", issuer=ISSUER, audience="radgate", default_tenants="north", default_role="viewer"
    )
    async with httpx.AsyncClient(transport=httpx.MockTransport(provider)) as client:
        source = KeySource(settings, client, clock)
        yield source
        await source.close()


async def found(source: KeySource, key_id: str) -> list[str]:
    return [key.key_id for key in await source.find(key_id, "ES256")]


async def test_metadata_say_where_the_keys_are(source: KeySource, provider: Provider) -> None:
    assert await found(source, "old") == ["old"]
    assert provider.asked == [f"{ISSUER}/.well-known/openid-configuration", "https://login.example/keys"]


async def test_known_keys_are_not_asked_for_again(source: KeySource, provider: Provider) -> None:
    for _ in range(5):
        await source.find("old", "ES256")
    assert len(provider.asked) == 2


async def test_however_many_unknown_keys_are_named_they_are_asked_for_once_in_ten_seconds(
    source: KeySource, provider: Provider, clock: FakeClock
) -> None:
    await source.find("old", "ES256")
    for second in range(21):
        assert await found(source, f"unknown {second}") == []
        clock.advance(1)
    assert len(provider.asked) == 2 * 3


async def test_a_new_key_is_found_beside_the_old_one(source: KeySource, provider: Provider, clock: FakeClock) -> None:
    await source.find("old", "ES256")
    provider.keys["keys"].append(jwk(ec.generate_private_key(ec.SECP256R1()), kid="new"))
    clock.advance(11)
    assert await found(source, "new") == ["new"]
    assert await found(source, "old") == ["old"]
    assert await found(source, "") == ["old", "new"]


async def test_keys_are_for_their_algorithms_alone(source: KeySource) -> None:
    assert list(await source.find("old", "RS256")) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda provider: setattr(provider, "status", 500),
        lambda provider: setattr(provider, "status", 302),
        lambda provider: provider.metadata.update(issuer="https://login.example/realms/south"),
        lambda provider: provider.metadata.update(jwks_uri="http://login.example/keys"),
        lambda provider: provider.metadata.update(jwks_uri=None),
        lambda provider: provider.keys.update(keys=[]),
        lambda provider: provider.keys.update(keys="none"),
        lambda provider: provider.keys.update(padding="x" * 600_000),
    ],
    ids=["fails", "redirects", "other issuer", "unsafe place", "no place", "no keys", "no set", "too long"],
)
async def test_what_is_not_as_it_should_be_is_not_believed(source: KeySource, provider: Provider, spoil: Any) -> None:
    spoil(provider)
    with pytest.raises(IdentityProviderUnreachableError):
        await source.find("old", "ES256")
