import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from radgate_server.core.access.credentials import REFUSED, Credentials
from radgate_server.core.access.restriction import RestrictedPatient, make_restriction
from radgate_server.core.access.tenancy import ApiKey, Role, Tenant
from radgate_server.core.errors import TenantNotAllowedError, TooManyFailuresError, UnauthenticatedError
from radgate_server.services.access.api_keys import make_key
from radgate_server.services.access.authentication import Authenticator
from radgate_server.services.access.key_checker import KeyChecker
from radgate_server.services.access.key_uses import KeyUses
from radgate_server.settings.access import AuthSettings, CertificateSettings, OidcSettings, OnlyStudies
from tests.fakes.clock import START, FakeClock
from tests.fakes.directory import MemoryDirectory
from tests.fakes.token_verifier import PROVIDER, ScriptedTokens

SETTINGS = AuthSettings(
    oidc=(
        OidcSettings(
            name=PROVIDER,
            issuer="https://login.example",
            audience="radgate",
            tenant_claim="tenant",
            tenants={"E": "east", "W": "west", "N": "nowhere", "all": "*"},
            default_role="viewer",
        ),
    ),
    certificates=(
        CertificateSettings(name="DNS:ward.example", tenants=("west", "east"), role="operator"),
        CertificateSettings(name="DNS:lost.example", tenants=("nowhere",), role="operator"),
        CertificateSettings(
            name="DNS:practice.example",
            tenants=("east",),
            role="viewer",
            only=OnlyStudies(patients=("P-1^^^NORTH",), modalities=("ct",)),
        ),
    ),
    max_failures=3,
)


class HashBox:
    """The fingerprinting half of a SecretBox."""

    def fingerprint(self, secret: str) -> bytes:
        return hashlib.sha256(secret.encode()).digest()


@pytest.fixture
async def directory() -> MemoryDirectory:
    directory = MemoryDirectory()
    for name in ("east", "west"):
        await directory.create_tenant(Tenant(name, START))
    return directory


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def tokens() -> ScriptedTokens:
    return ScriptedTokens()


@pytest.fixture
def authenticator(directory: MemoryDirectory, tokens: ScriptedTokens, clock: FakeClock) -> Authenticator:
    return build(directory, tokens, clock)


def build(directory: MemoryDirectory, tokens: ScriptedTokens, clock: FakeClock) -> Authenticator:
    keys = KeyChecker(directory, HashBox(), clock, KeyUses(directory, clock))  # type: ignore[arg-type]
    return Authenticator(keys, tokens, directory, SETTINGS, clock)


def shown(token: str = "", *names: str, address: str = "10.0.0.1") -> Credentials:
    return Credentials(token, names, address)


async def _key(
    directory: MemoryDirectory, *tenant_ids: str, role: Role = Role.VIEWER, ends: datetime | None = None
) -> tuple[str, str]:
    key, token = make_key(HashBox(), tenant_ids, role, "", datetime.now(UTC), ends)
    await directory.create_key(key)
    return key.key_id, token


async def test_a_key_acts_for_its_first_tenant_when_none_is_chosen(
    directory: MemoryDirectory, authenticator: Authenticator
) -> None:
    key_id, token = await _key(directory, "west", "east", role=Role.OPERATOR)
    principal, tenant_id = await authenticator.authenticate(shown(token), "")
    assert (principal.key_id, principal.role, tenant_id) == (key_id, Role.OPERATOR, "west")
    assert (await authenticator.authenticate(shown(token), "east"))[1] == "east"


async def test_a_tenant_that_the_key_may_not_use_and_one_that_is_not_there_look_alike(
    directory: MemoryDirectory, authenticator: Authenticator
) -> None:
    _, token = await _key(directory, "east")
    messages = []
    for tenant_id in ("west", "nowhere"):
        with pytest.raises(TenantNotAllowedError) as caught:
            await authenticator.authenticate(shown(token), tenant_id)
        messages.append(caught.value.message)
    assert messages[0] == messages[1]


async def test_a_key_for_every_tenant_chooses_among_those_there_are(
    directory: MemoryDirectory, authenticator: Authenticator
) -> None:
    _, token = await _key(directory, "*", role=Role.ADMIN)
    assert (await authenticator.authenticate(shown(token), ""))[1] == ""
    assert (await authenticator.authenticate(shown(token), "west"))[1] == "west"
    with pytest.raises(TenantNotAllowedError):
        await authenticator.authenticate(shown(token), "nowhere")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: "",
        lambda token: token[:-1] + ("A" if token[-1] != "A" else "B"),
        lambda token: "rg_0123456789ab_" + token.split("_", 2)[2],
        lambda token: token + "x",
        lambda token: "Bearer " + token,
    ],
    ids=["none", "other secret", "other id", "longer", "scheme twice"],
)
async def test_anything_but_the_key_is_refused(
    directory: MemoryDirectory, authenticator: Authenticator, spoil: object
) -> None:
    _, token = await _key(directory, "east")
    with pytest.raises(UnauthenticatedError):
        await authenticator.authenticate(shown(spoil(token)), "")  # type: ignore[operator]


async def test_a_revoked_key_is_refused_once_the_change_is_known(
    directory: MemoryDirectory, authenticator: Authenticator
) -> None:
    key_id, token = await _key(directory, "east")
    await authenticator.authenticate(shown(token), "")
    await directory.revoke_key(key_id, "east")
    authenticator.invalidate()
    with pytest.raises(UnauthenticatedError):
        await authenticator.authenticate(shown(token), "")


async def test_a_key_whose_tenants_are_all_deleted_is_refused(
    directory: MemoryDirectory, authenticator: Authenticator
) -> None:
    _, token = await _key(directory, "east")
    await directory.delete_tenant("east")
    with pytest.raises(UnauthenticatedError):
        await authenticator.authenticate(shown(token), "")


async def test_a_key_that_is_revoked_while_it_is_looked_up_is_not_remembered() -> None:
    class SlowDirectory(MemoryDirectory):
        async def find_key(self, key_id: str) -> ApiKey | None:
            key = await super().find_key(key_id)
            if not revoked:
                revoked.append(await self.revoke_key(key_id, "east"))
                authenticator.invalidate()
            return key

    revoked: list[ApiKey] = []
    directory = SlowDirectory()
    await directory.create_tenant(Tenant("east", START))
    authenticator = build(directory, ScriptedTokens(), FakeClock())
    _, token = await _key(directory, "east")
    await authenticator.authenticate(shown(token), "")
    with pytest.raises(UnauthenticatedError):
        await authenticator.authenticate(shown(token), "")


async def test_a_key_ends_to_the_second_also_when_it_is_remembered(
    directory: MemoryDirectory, authenticator: Authenticator, clock: FakeClock
) -> None:
    _, token = await _key(directory, "east", ends=START + timedelta(seconds=20))
    await authenticator.authenticate(shown(token), "")
    clock.advance(19.9)
    await authenticator.authenticate(shown(token), "")
    clock.advance(0.1)
    with pytest.raises(UnauthenticatedError):
        await authenticator.authenticate(shown(token), "")


async def test_a_token_is_checked_once_a_minute_and_ends_when_it_says(
    authenticator: Authenticator, tokens: ScriptedTokens, clock: FakeClock
) -> None:
    token = tokens.issue(tenant=["W", "E"])
    for _ in range(10):
        principal, tenant_id = await authenticator.authenticate(shown(token), "")
        assert (principal.key_id, principal.tenant_ids, tenant_id) == ("oidc:hospital:jane", ("west", "east"), "west")
    assert tokens.asked == 1
    clock.advance(61)
    await authenticator.authenticate(shown(token), "east")
    assert tokens.asked == 2


async def test_tenants_that_others_name_and_that_are_not_there_do_not_count(
    authenticator: Authenticator, tokens: ScriptedTokens
) -> None:
    both = tokens.issue(tenant=["N", "E"])
    assert (await authenticator.authenticate(shown(both), ""))[1] == "east"
    for lost in (shown(tokens.issue(tenant="N")), shown("", "DNS:lost.example")):
        with pytest.raises(UnauthenticatedError):
            await authenticator.authenticate(lost, "")


async def test_a_certificate_stands_for_the_name_that_is_in_the_table(authenticator: Authenticator) -> None:
    known = shown("", "URI:unknown", "DNS:ward.example")
    principal, tenant_id = await authenticator.authenticate(known, "")
    assert (principal.key_id, principal.role, tenant_id) == ("certificate:DNS:ward.example", Role.OPERATOR, "west")
    assert principal.restriction is None
    for name in ("DNS:WARD.example", "URI:ward.example", "DNS:ward.example.org"):
        with pytest.raises(UnauthenticatedError):
            await authenticator.authenticate(shown("", name), "")


async def test_a_certificate_can_be_for_some_studies_alone(authenticator: Authenticator) -> None:
    principal, _ = await authenticator.authenticate(shown("", "DNS:practice.example"), "")
    assert principal.restriction == make_restriction(patients=[RestrictedPatient("P-1", "NORTH")], modalities=["CT"])


async def fail(authenticator: Authenticator, times: int, *, key_id: str = "0123456789ab", address: str) -> None:
    for number in range(times):
        with pytest.raises(UnauthenticatedError):
            await authenticator.authenticate(shown(f"rg_{key_id}_{number:043}", address=address), "")


async def test_who_guesses_has_to_wait_and_costs_the_database_nothing_meanwhile(
    directory: MemoryDirectory, authenticator: Authenticator, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up: list[str] = []
    find, list_all = directory.find_key, directory.list_every_key

    async def find_key(key_id: str) -> ApiKey | None:
        looked_up.append(key_id)
        return await find(key_id)

    async def list_every_key() -> Sequence[ApiKey]:
        looked_up.append("all")
        return await list_all()

    monkeypatch.setattr(directory, "find_key", find_key)
    monkeypatch.setattr(directory, "list_every_key", list_every_key)
    await fail(authenticator, 4, address="10.6.6.6")
    assert len(looked_up) == 4
    for number in range(100):
        with pytest.raises(TooManyFailuresError) as caught:
            await authenticator.authenticate(shown(f"rg_{number:012}_{number:043}", address="10.6.6.6"), "")
        assert caught.value.retry_after_s == 1
    assert looked_up[4:] == ["all"]
    clock.advance(1)
    await fail(authenticator, 1, address="10.6.6.6")
    assert len(looked_up) == 6


async def test_good_callers_behind_the_same_address_are_not_locked_out(
    directory: MemoryDirectory, authenticator: Authenticator, tokens: ScriptedTokens, clock: FakeClock
) -> None:
    await fail(authenticator, 4, address="10.6.6.6")
    with pytest.raises(TooManyFailuresError):
        await authenticator.authenticate(shown(f"rg_{1:012}_{1:043}", address="10.6.6.6"), "")
    key_id, token = await _key(directory, "east")  # this server has never seen it, as after a restart
    authenticator.invalidate()
    known = {
        key_id: shown(token, address="10.6.6.6"),
        "oidc:hospital:jane": shown(tokens.issue(tenant="E"), address="10.6.6.6"),
        "certificate:DNS:ward.example": shown("", "DNS:ward.example", address="10.6.6.6"),
    }
    for who, credentials in known.items():
        assert (await authenticator.authenticate(credentials, ""))[0].key_id == who


async def test_a_key_that_was_revoked_does_not_pass_for_having_been_good(
    directory: MemoryDirectory, authenticator: Authenticator
) -> None:
    key_id, token = await _key(directory, "east")
    await authenticator.authenticate(shown(token, address="10.6.6.6"), "")
    await fail(authenticator, 4, address="10.6.6.6")
    await directory.revoke_key(key_id, "east")
    authenticator.invalidate()
    with pytest.raises(TooManyFailuresError):
        await authenticator.authenticate(shown(token, address="10.6.6.6"), "")


async def test_nobody_can_lock_a_key_out_from_elsewhere(
    directory: MemoryDirectory, authenticator: Authenticator
) -> None:
    key_id, token = await _key(directory, "east")
    for number in range(10):
        await fail(authenticator, 1, key_id=key_id, address=f"10.6.6.{number}")
    principal, tenant_id = await authenticator.authenticate(shown(token, address="10.0.0.1"), "")
    assert (principal.key_id, tenant_id) == (key_id, "east")


async def test_bad_tokens_make_wait_too(authenticator: Authenticator) -> None:
    for _ in range(4):
        with pytest.raises(UnauthenticatedError):
            await authenticator.authenticate(shown("a.b.c", address="10.6.6.6"), "")
    with pytest.raises(TooManyFailuresError):
        await authenticator.authenticate(shown("a.b.c", address="10.6.6.6"), "")


async def test_log_and_audit_trail_are_informed_why_a_key_is_refused_and_the_caller_is_not(
    directory: MemoryDirectory, authenticator: Authenticator
) -> None:
    revoked_id, revoked = await _key(directory, "east")
    await directory.revoke_key(revoked_id, "east")
    expired_id, expired = await _key(directory, "east", ends=datetime(2020, 1, 1, tzinfo=UTC))
    good_id, good = await _key(directory, "east")
    reported = {}
    other_secret, other_id = f"rg_{good_id}_{revoked.split('_', 2)[2]}", f"rg_{'0' * 12}_{good.split('_', 2)[2]}"
    for token in (revoked, expired, other_secret, other_id):
        with pytest.raises(UnauthenticatedError) as caught:
            await authenticator.authenticate(shown(token), "")
        assert caught.value.message == REFUSED
        assert not caught.value.details
        reported[caught.value.why] = token
    assert [why.partition(" at ")[0] for why in reported] == [
        f"key {revoked_id} was revoked",
        f"key {expired_id} expired",
        f"the secret is not that of key {good_id}",
        "there is no such key",
    ]
