"""A key-encryption key in the transit engine of Vault or OpenBao, which never leaves it: "vault:transit/radgate#3"."""

from base64 import b64decode, b64encode
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

from radgate_server.adapters.secrets.vault.client import VaultCalls
from radgate_server.core.secrets.ports import KeyVersion
from radgate_server.core.secrets.secret import SecretContext

KIND = "vault"
_NO_KEY = "Vault's transit engine has no such key, or a secret's data key does not open under it"


class TransitKeys:
    """KeyProvider over the transit key `name` of an AEAD type (aes256-gcm96), which must be Radgate's alone."""

    def __init__(self, vault: VaultCalls, mount: str, name: str) -> None:
        self._vault = vault
        self._mount = mount
        self._name = name

    async def current(self) -> str:
        """The version under which new secrets are sealed."""
        return (await self.versions())[-1].version

    async def versions(self) -> Sequence[KeyVersion]:
        """Those that still decrypt, the oldest first."""
        return await self._vault.call(_NO_KEY, self._versions)

    async def rotate(self) -> str:
        """Have Vault make a new version."""

        def rotate(vault: Any) -> None:
            vault.secrets.transit.rotate_key(name=self._name, mount_point=self._mount)

        await self._vault.call(_NO_KEY, rotate)
        return await self.current()

    async def prune(self, used: Collection[str]) -> Sequence[str]:
        """Remove all versions below the lowest that is used or current; Vault keeps those between."""

        def prune(vault: Any) -> Sequence[str]:
            known = self._versions(vault)
            kept = next(index for index, found in enumerate(known) if found.current or found.version in used)
            if kept:
                lowest = _number(known[kept].version)
                engine, key = vault.secrets.transit, {"name": self._name, "mount_point": self._mount}
                # One after the other: hvac takes them together only if they differ.
                engine.update_key_configuration(**key, min_decryption_version=lowest)
                engine.update_key_configuration(**key, min_encryption_version=lowest)
                engine.trim_key(**key, min_version=lowest)
            return tuple(found.version for found in known[:kept])

        return await self._vault.call(_NO_KEY, prune)

    async def wrap(self, data_key: bytes, context: SecretContext) -> tuple[str, bytes]:
        """Encrypt under the newest version; the context is authenticated with it."""

        def wrap(vault: Any) -> tuple[str, bytes]:
            answer = vault.secrets.transit.encrypt_data(
                name=self._name,
                mount_point=self._mount,
                plaintext=b64encode(data_key).decode("ascii"),
                associated_data=_bound(context),
            )
            wrapped: str = answer["data"]["ciphertext"]  # "vault:v3:…"
            return self._version(wrapped.split(":")[1].removeprefix("v")), wrapped.encode("ascii")

        return await self._vault.call(_NO_KEY, wrap)

    async def unwrap(self, version: str, wrapped: bytes, context: SecretContext) -> bytes:
        """Decrypt. Raises ConfigurationError: the version is gone, or key or context are others."""
        mount, _, name = version.removeprefix(f"{KIND}:").rpartition("#")[0].rpartition("/")

        def unwrap(vault: Any) -> bytes:
            answer = vault.secrets.transit.decrypt_data(
                name=name, mount_point=mount, ciphertext=wrapped.decode("ascii"), associated_data=_bound(context)
            )
            return b64decode(answer["data"]["plaintext"])

        return await self._vault.call(_NO_KEY, unwrap)

    def _versions(self, vault: Any) -> Sequence[KeyVersion]:
        key = vault.secrets.transit.read_key(name=self._name, mount_point=self._mount)["data"]
        times = {int(number): seconds for number, seconds in key["keys"].items()}
        newest = max(times)
        return tuple(
            KeyVersion(self._version(number), datetime.fromtimestamp(times[number], UTC), number == newest)
            for number in sorted(times)
            if number >= key["min_decryption_version"]
        )

    def _version(self, number: int | str) -> str:
        return f"{KIND}:{self._mount}/{self._name}#{number}"


def _number(version: str) -> int:
    return int(version.rpartition("#")[2])


def _bound(context: SecretContext) -> str:
    return b64encode(context.text.encode()).decode("ascii")
