"""References to what is on this machine."""

import os
from pathlib import Path

import pytest

from radgate_server.adapters.secrets.aws.client import AwsClients
from radgate_server.adapters.secrets.references import MAX_SECRET_BYTES, References
from radgate_server.adapters.secrets.vault.client import VaultCalls
from radgate_server.core.errors import ConfigurationError
from radgate_server.core.secrets.secret import Secret, parse_reference
from radgate_server.settings.secrets import AwsSettings, VaultSettings


async def read(text: str) -> Secret:
    references = References(AwsClients(AwsSettings()), VaultCalls(VaultSettings()), "secret")
    return await references.read(parse_reference(text, "ref"))


async def test_reads_a_variable_as_it_is_now(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("one", "two"):
        monkeypatch.setenv("PACS_PASSWORD", value)
        assert (await read("env:PACS_PASSWORD")).reveal() == value
    monkeypatch.delenv("PACS_PASSWORD")
    with pytest.raises(ConfigurationError, match="not set"):
        await read("env:PACS_PASSWORD")


@pytest.mark.parametrize("content", [b"pass word", b"pass word\n", b"pass word\r\n"])
async def test_reads_a_file_without_its_end_of_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "secret"
    path.write_bytes(content)
    assert (await read(f"file:{path}")).reveal() == "pass word"


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe", "long", "binary", "empty"])
async def test_a_file_that_holds_no_secret_is_reported_without_its_name(tmp_path: Path, kind: str) -> None:
    path = tmp_path / kind
    match kind:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)  # reading it would wait for ever
        case "long":
            path.write_bytes(b"x" * (MAX_SECRET_BYTES + 1))
        case "binary":
            path.write_bytes(bytes(range(200, 232)))
        case "empty":
            path.write_bytes(b"")
    with pytest.raises(ConfigurationError) as caught:
        await read(f"file:{path}")
    assert str(tmp_path) not in str(caught.value)


async def test_vault_without_an_address_is_reported() -> None:
    with pytest.raises(ConfigurationError, match=r"secrets\.vault\.url"):
        await read("vault:radgate/north/main#password")
