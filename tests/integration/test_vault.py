"""Keys and secrets in a real OpenBao, whose API is that of HashiCorp Vault."""

from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from radgate_server.adapters.secrets.opening import SecretStore, open_secrets
from radgate_server.core.errors import ConfigurationError, KeyProviderUnavailableError
from radgate_server.core.secrets.secret import Secret, SecretContext, parse_reference
from radgate_server.settings.settings import Settings, load_settings
from tests.integration.key_providers import Bao, openbao
from tests.integration.ports import free_port

HERE, THERE = SecretContext("north", "main"), SecretContext("south", "main")
SECRET = Secret("so secret")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bao]:
    with openbao(tmp_path_factory.mktemp("bao")) as bao:
        yield bao


def settings_for(bao: Bao, data_dir: Path, **vault: str) -> Settings:
    return load_settings(
        data_dir=data_dir,
        secrets={"keys": {"kind": "vault"}, "vault": {"url": bao.url, "token_file": str(bao.token_file), **vault}},
    )


@pytest.fixture
async def stack() -> AsyncExitStack:
    return AsyncExitStack()


@pytest.fixture
def store(server: Bao, tmp_path: Path, stack: AsyncExitStack) -> SecretStore:
    return open_secrets(stack, settings_for(server, tmp_path))


async def test_seals_wraps_again_and_prunes(server: Bao, store: SecretStore, stack: AsyncExitStack) -> None:
    old = await store.box.seal(SECRET, HERE)
    assert await store.box.open(old) == SECRET
    before = store.box.key_of(old)
    assert before == await store.ring.current()
    after = await store.ring.rotate()
    assert [version.current for version in await store.ring.versions()][-2:] == [False, True]
    new = await store.box.rewrap(old)
    assert (store.box.key_of(new), new) == (after, old)
    assert (await store.box.open(old), await store.box.open(new)) == (SECRET, SECRET)
    assert list(await store.ring.prune({before})) == []
    assert before in await store.ring.prune({after})
    with pytest.raises(ConfigurationError):
        await store.box.open(old)
    assert await store.box.open(new) == SECRET


async def test_a_sealed_secret_is_bound_to_its_place_by_vault_too(store: SecretStore) -> None:
    sealed = await store.box.seal(SECRET, HERE)
    with pytest.raises(ConfigurationError, match="transit"):
        await store.box.open(store.box.known(THERE, sealed.sealed))


async def test_reads_secrets_of_the_key_value_engine_as_they_are_now(server: Bao, store: SecretStore) -> None:
    reference = parse_reference("vault:radgate/north/main#password", "ref")
    for text in ("one", "two"):
        server.put("radgate/north/main", password=text)
        assert (await store.references.read(reference)).reveal() == text
    for missing in ("vault:radgate/north/main#token", "vault:radgate/north/other#password"):
        with pytest.raises(ConfigurationError):
            await store.references.read(parse_reference(missing, "ref"))


@pytest.mark.parametrize("path", ["other/place", "radgate-not/north"])
async def test_what_the_policy_does_not_open_is_refused(server: Bao, store: SecretStore, path: str) -> None:
    server.put(path, password="forbidden")
    with pytest.raises(KeyProviderUnavailableError, match="policy"):
        await store.references.read(parse_reference(f"vault:{path}#password", "ref"))


async def test_a_token_that_an_agent_renews_is_used_at_once(server: Bao, tmp_path: Path, stack: AsyncExitStack) -> None:
    token_file = tmp_path / "token"
    store = open_secrets(stack, settings_for(server, tmp_path, token_file=str(token_file)))
    with pytest.raises(KeyProviderUnavailableError, match="token_file"):
        await store.box.seal(SECRET, HERE)
    token_file.write_text("no such token")
    with pytest.raises(KeyProviderUnavailableError, match="refuses"):
        await store.box.seal(SECRET, HERE)
    token_file.write_text(server.token)
    assert await store.box.open(await store.box.seal(SECRET, HERE)) == SECRET


async def test_a_vault_that_is_away_is_reported(server: Bao, tmp_path: Path, stack: AsyncExitStack) -> None:
    store = open_secrets(stack, settings_for(server, tmp_path, url=f"http://127.0.0.1:{free_port()}"))
    with pytest.raises(KeyProviderUnavailableError, match="can't be reached"):
        await store.box.seal(SECRET, HERE)


async def test_files_open_what_they_sealed_after_a_move_to_vault_and_back(
    server: Bao, tmp_path: Path, stack: AsyncExitStack
) -> None:
    in_vault = settings_for(server, tmp_path)
    in_files = load_settings(data_dir=tmp_path, secrets={"vault": in_vault.secrets.vault.model_dump()})
    files, vault = open_secrets(stack, in_files), open_secrets(stack, in_vault)
    sealed = await files.box.seal(SECRET, HERE)
    moved = await vault.box.rewrap(sealed)
    assert vault.box.key_of(moved).startswith("vault:transit/radgate#")
    back = await files.box.rewrap(moved)
    assert files.box.key_of(back) == "file:1"
    assert await vault.box.open(back) == SECRET
