"""Keys in KMS and secrets in Secrets Manager, as moto plays them over HTTP."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import boto3
import pytest

from radgate_server.adapters.secrets.opening import SecretStore, open_secrets
from radgate_server.core.errors import ConfigurationError, KeyProviderUnavailableError
from radgate_server.core.secrets.secret import Secret, SecretContext, parse_reference
from radgate_server.settings.settings import load_settings
from tests.integration.key_providers import AWS_ENVIRONMENT, moto_server
from tests.integration.ports import free_port

HERE, THERE = SecretContext("north", "main"), SecretContext("south", "main")
SECRET = Secret("so secret")
ALIAS = "alias/radgate"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with moto_server(tmp_path_factory.mktemp("moto")) as address:
        yield address


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in AWS_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def admin(address: str, credentials: None) -> Iterator[Any]:
    """Makes a client of a service, with every right."""
    clients = []

    def client(service: str) -> Any:
        clients.append(boto3.session.Session().client(service, endpoint_url=address))
        return clients[-1]

    yield client
    for each in clients:
        each.close()


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


def store_of(stack: AsyncExitStack, data_dir: Path, address: str, key_id: str) -> SecretStore:
    aws = {"endpoint_url": address, "timeout_s": 10}
    keys = {"kind": "aws-kms", "key_id": key_id}
    return open_secrets(stack, load_settings(data_dir=data_dir, secrets={"keys": keys, "aws": aws}))


async def test_seals_and_wraps_again_after_a_rotation(
    admin: Any, address: str, tmp_path: Path, stack: AsyncExitStack
) -> None:
    arn = admin("kms").create_key()["KeyMetadata"]["Arn"]
    store = store_of(stack, tmp_path, address, arn)
    old = await store.box.seal(SECRET, HERE)
    assert store.box.key_of(old) == f"aws-kms:{arn}#0"
    assert await store.ring.rotate() == f"aws-kms:{arn}#1"
    new = await store.box.rewrap(old)
    assert (store.box.key_of(new), new) == (f"aws-kms:{arn}#1", old)
    assert (await store.box.open(old), await store.box.open(new)) == (SECRET, SECRET)
    assert [version.current for version in await store.ring.versions()] == [False, True]
    assert list(await store.ring.prune(set())) == []


async def test_an_alias_may_move_to_another_key(
    admin: Any, address: str, tmp_path: Path, stack: AsyncExitStack
) -> None:
    kms = admin("kms")
    first, second = (kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2))
    kms.create_alias(AliasName=ALIAS, TargetKeyId=first)
    store = store_of(stack, tmp_path, address, ALIAS)
    old = await store.box.seal(SECRET, HERE)
    kms.update_alias(AliasName=ALIAS, TargetKeyId=second)
    new = await store.box.rewrap(old)
    assert (store.box.key_of(old), store.box.key_of(new)) == (f"aws-kms:{first}#0", f"aws-kms:{second}#0")
    kms.disable_key(KeyId=first.rpartition("/")[2])
    assert await store.box.open(new) == SECRET


async def test_a_sealed_secret_is_bound_to_its_place_by_kms_too(
    admin: Any, address: str, tmp_path: Path, stack: AsyncExitStack
) -> None:
    store = store_of(stack, tmp_path, address, admin("kms").create_key()["KeyMetadata"]["Arn"])
    sealed = await store.box.seal(SECRET, HERE)
    with pytest.raises(ConfigurationError, match="does not open"):
        await store.box.open(store.box.known(THERE, sealed.sealed))


async def test_a_key_that_is_not_there_is_reported(address: str, tmp_path: Path, stack: AsyncExitStack) -> None:
    store = store_of(stack, tmp_path, address, "alias/nobody")
    with pytest.raises(ConfigurationError, match="no such key"):
        await store.box.seal(SECRET, HERE)


async def test_an_aws_that_is_away_is_reported(tmp_path: Path, stack: AsyncExitStack) -> None:
    store = store_of(stack, tmp_path, f"http://127.0.0.1:{free_port()}", ALIAS)
    with pytest.raises(KeyProviderUnavailableError, match="EndpointConnectionError"):
        await store.box.seal(SECRET, HERE)


async def test_reads_secrets_of_secrets_manager_as_they_are_now(
    admin: Any, address: str, tmp_path: Path, stack: AsyncExitStack
) -> None:
    manager = admin("secretsmanager")
    arn = manager.create_secret(Name="radgate/north/main", SecretString=json.dumps({"password": "one"}))["ARN"]
    store = store_of(stack, tmp_path, address, ALIAS)

    async def read(text: str) -> str:
        return (await store.references.read(parse_reference(text, "ref"))).reveal()

    assert await read("aws-secretsmanager:radgate/north/main#password") == "one"
    assert await read(f"aws-secretsmanager:{arn}#password") == "one"
    manager.put_secret_value(SecretId=arn, SecretString="two")
    assert await read("aws-secretsmanager:radgate/north/main") == "two"
    for missing in ("radgate/north/main#password", "radgate/north/other"):
        with pytest.raises(ConfigurationError):
            await read(f"aws-secretsmanager:{missing}")
