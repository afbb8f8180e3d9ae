import hashlib
from datetime import UTC, datetime

import pytest

from radgate_server.core.errors import TenantNotAllowedError, UnauthenticatedError
from radgate_server.core.tenancy import ApiKey, Role, Tenant
from radgate_server.services.api_keys import make_key
from radgate_server.services.authenticate import Authenticator
from tests.fakes.clock import START, FakeClock
from tests.fakes.directory import MemoryDirectory


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
def authenticator(directory: MemoryDirectory) -> Authenticator:
    return Authenticator(directory, directory, HashBox(), FakeClock())


async def _key(directory: MemoryDirectory, *tenant_ids: str, role: Role = Role.VIEWER) -> tuple[str, str]:
    key, token = make_key(HashBox(), tenant_ids, role, "", datetime.now(UTC))
    await directory.create_key(key)
    return key.key_id, token


async def test_a_key_acts_for_its_first_tenant_when_none_is_chosen(
    directory: MemoryDirectory, authenticator: Authenticator
) -> None:
    key_id, token = await _key(directory, "west", "east", role=Role.OPERATOR)
    principal, tenant_id = await authenticator.authenticate(token, "")
    assert (principal.key_id, principal.role, tenant_id) == (key_id, Role.OPERATOR, "west")
    assert (await authenticator.authenticate(token, "east"))[1] == "east"


async def test_a_tenant_that_the_key_may_not_use_and_one_that_is_not_there_look_alike(
    directory: MemoryDirectory, authenticator: Authenticator
) -> None:
    _, token = await _key(directory, "east")
    messages = []
    for tenant_id in ("west", "nowhere"):
        with pytest.raises(TenantNotAllowedError) as caught:
            await authenticator.authenticate(token, tenant_id)
        messages.append(caught.value.message)
    assert messages[0] == messages[1]


async def test_a_key_for_every_tenant_chooses_among_those_there_are(
    directory: MemoryDirectory, authenticator: Authenticator
) -> None:
    _, token = await _key(directory, "*", role=Role.ADMIN)
    assert (await authenticator.authenticate(token, ""))[1] == ""
    assert (await authenticator.authenticate(token, "west"))[1] == "west"
    with pytest.raises(TenantNotAllowedError):
        await authenticator.authenticate(token, "nowhere")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: "",
        lambda token: token[:-1] + ("A" if token[-1] != "A" else "B"),
        lambda token: "rg_0123456789ab_" + token.rsplit("_", 1)[1],
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
        await authenticator.authenticate(spoil(token), "")  # type: ignore[operator]


async def test_a_revoked_key_is_refused_once_the_change_is_known(
    directory: MemoryDirectory, authenticator: Authenticator
) -> None:
    key_id, token = await _key(directory, "east")
    await authenticator.authenticate(token, "")
    await directory.revoke_key(key_id, "east")
    authenticator.forget()
    with pytest.raises(UnauthenticatedError):
        await authenticator.authenticate(token, "")


async def test_a_key_whose_tenants_are_all_deleted_is_refused(
    directory: MemoryDirectory, authenticator: Authenticator
) -> None:
    _, token = await _key(directory, "east")
    await directory.delete_tenant("east")
    with pytest.raises(UnauthenticatedError):
        await authenticator.authenticate(token, "")


async def test_a_key_that_is_revoked_while_it_is_looked_up_is_not_remembered() -> None:
    class SlowDirectory(MemoryDirectory):
        async def find_key(self, key_id: str) -> ApiKey | None:
            key = await super().find_key(key_id)
            if not revoked:
                revoked.append(await self.revoke_key(key_id, "east"))
                authenticator.forget()
            return key

    revoked: list[ApiKey] = []
    directory = SlowDirectory()
    await directory.create_tenant(Tenant("east", START))
    authenticator = Authenticator(directory, directory, HashBox(), FakeClock())
    _, token = await _key(directory, "east")
    await authenticator.authenticate(token, "")
    with pytest.raises(UnauthenticatedError):
        await authenticator.authenticate(token, "")
