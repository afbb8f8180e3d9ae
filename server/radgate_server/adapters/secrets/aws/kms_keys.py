"""A key-encryption key in AWS KMS, which never leaves it.

KMS renews the material of a key under the same identifier and decrypts with the right one. Versions are distinguished
by the number of rotations that KMS lists: "aws-kms:arn:aws:kms:…#2".
"""

from collections.abc import Collection, Sequence
from typing import Any

from radgate_server.adapters.secrets.aws.client import AwsClients
from radgate_server.core.secrets.ports import KeyVersion
from radgate_server.core.secrets.secret import SecretContext

KIND = "aws-kms"


class KmsKeys:
    """KeyProvider over the KMS key `key_id`: an id, an ARN, or an alias, which may be moved to another key."""

    def __init__(self, aws: AwsClients, key_id: str) -> None:
        self._aws = aws
        self._key_id = key_id

    async def current(self) -> str:
        """The version under which new secrets are sealed."""
        return (await self.versions())[-1].version

    async def versions(self) -> Sequence[KeyVersion]:
        """All material that the key has had, the oldest first."""
        return await self._aws.call("kms", self._versions)

    async def rotate(self) -> str:
        """Have KMS renew the material (RotateKeyOnDemand), which takes it up to a few minutes."""

        def rotate(kms: Any) -> None:
            kms.rotate_key_on_demand(KeyId=_arn(kms, self._key_id))

        await self._aws.call("kms", rotate)
        return await self.current()

    async def prune(self, used: Collection[str]) -> Sequence[str]:
        """Nothing: KMS keeps all material of a key for as long as there is the key."""
        return ()

    async def wrap(self, data_key: bytes, context: SecretContext) -> tuple[str, bytes]:
        """Encrypt; the context is KMS's encryption context, which its own audit trail shows too."""

        def wrap(kms: Any) -> tuple[str, bytes]:
            version = self._versions(kms)[-1].version
            answer = kms.encrypt(KeyId=_arn_of(version), Plaintext=data_key, EncryptionContext=_bound(context))
            return version, answer["CiphertextBlob"]

        return await self._aws.call("kms", wrap)

    async def unwrap(self, version: str, wrapped: bytes, context: SecretContext) -> bytes:
        """Decrypt. Raises ConfigurationError: the key is gone or disabled, or key or context are others."""

        def unwrap(kms: Any) -> bytes:
            answer = kms.decrypt(KeyId=_arn_of(version), CiphertextBlob=wrapped, EncryptionContext=_bound(context))
            clear: bytes = answer["Plaintext"]
            return clear

        return await self._aws.call("kms", unwrap)

    def _versions(self, kms: Any) -> Sequence[KeyVersion]:
        metadata = kms.describe_key(KeyId=self._key_id)["KeyMetadata"]
        pages = kms.get_paginator("list_key_rotations").paginate(KeyId=metadata["Arn"])
        times = [metadata["CreationDate"], *(found["RotationDate"] for page in pages for found in page["Rotations"])]
        last = len(times) - 1
        return tuple(KeyVersion(f"{KIND}:{metadata['Arn']}#{n}", time, n == last) for n, time in enumerate(times))


def _arn(kms: Any, key_id: str) -> str:
    arn: str = kms.describe_key(KeyId=key_id)["KeyMetadata"]["Arn"]
    return arn


def _arn_of(version: str) -> str:
    return version.removeprefix(f"{KIND}:").rpartition("#")[0]


def _bound(context: SecretContext) -> dict[str, str]:
    return {"tenant": context.tenant_id, "pacs": context.pacs, "field": context.field}
