"""Secrets that are kept elsewhere: in the environment, a file, AWS Secrets Manager, or Vault's key-value engine."""

import asyncio
import json
import os
import stat
from typing import Any

from radgate_server.adapters.secrets.aws.client import AwsClients
from radgate_server.adapters.secrets.vault.client import VaultCalls
from radgate_server.core.errors import ConfigurationError
from radgate_server.core.secrets.secret import Secret, SecretReference, SecretScheme

MAX_SECRET_BYTES = 64 * 1024  # as AWS Secrets Manager allows; a longer file is something else


class References:
    """ReferenceReader. `kv_mount` is where Vault's key-value engine (version 2) lies."""

    def __init__(self, aws: AwsClients, vault: VaultCalls, kv_mount: str) -> None:
        self._aws = aws
        self._vault = vault
        self._kv_mount = kv_mount

    async def read(self, reference: SecretReference) -> Secret:
        """The secret as it is now. Raises KeyProviderUnavailableError, or ConfigurationError: there is none."""
        match reference.scheme:
            case SecretScheme.ENV:
                text = _variable(reference.name)
            case SecretScheme.FILE:
                text = await asyncio.to_thread(_file, reference.name)
            case SecretScheme.AWS_SECRETS_MANAGER:
                text = await self._aws.call("secretsmanager", lambda client: _of_aws(client, reference))
            case SecretScheme.VAULT:
                text = await self._vault.call(_NOT_IN_VAULT, lambda client: self._of_vault(client, reference))
        if not text:
            raise ConfigurationError("the secret that a reference leads to is empty")
        return Secret(text)

    def _of_vault(self, client: Any, reference: SecretReference) -> str:
        answer = client.secrets.kv.v2.read_secret_version(
            path=reference.name, mount_point=self._kv_mount, raise_on_deleted_version=True
        )
        return _field(answer["data"]["data"], reference.key)


_NOT_IN_VAULT = "Vault has no such secret"


def _variable(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise ConfigurationError("the environment variable that a secret is to be read from is not set")
    return value


def _file(path: str) -> str:
    """The file's text without the end of its last line. Only a regular file: a pipe or device may block."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError("not a regular file")
            content = file.read(MAX_SECRET_BYTES + 1)
        if len(content) > MAX_SECRET_BYTES:
            raise OSError("too long")
        return content.decode().removesuffix("\n").removesuffix("\r")
    except (OSError, ValueError):
        raise ConfigurationError("the file that a secret is to be read from can't be read") from None


def _of_aws(client: Any, reference: SecretReference) -> str:
    answer = client.get_secret_value(SecretId=reference.name)
    text = answer.get("SecretString")
    if text is None:
        raise ConfigurationError("the secret in AWS Secrets Manager is binary, not text")
    if not reference.key:
        return str(text)
    try:
        fields = json.loads(text)
    except ValueError:
        raise ConfigurationError("the secret in AWS Secrets Manager is not JSON, so that it has no keys") from None
    return _field(fields, reference.key)


def _field(fields: Any, key: str) -> str:
    value = fields.get(key) if isinstance(fields, dict) else None
    if not isinstance(value, str):
        raise ConfigurationError("the secret that a reference leads to has no text under the reference's key")
    return value
