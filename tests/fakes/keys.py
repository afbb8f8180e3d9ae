"""A key with versions, a box that hides nothing under it, and what is sealed, in memory."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from radgate_server.core.errors import ConfigurationError
from radgate_server.core.secrets.ports import KeyVersion
from radgate_server.core.secrets.secret import SealedSecret, Secret, SecretContext, SecretSource


@dataclass
class MemoryKeys:
    """KeyRing, SecretBox, SealedRecords and SecretReader in one.

    Sealed bytes are version, identity and text, apart by "|".
    """

    times: dict[str, datetime | None] = field(default_factory=lambda: {"1": None})
    stored: dict[SecretContext, SealedSecret] = field(default_factory=dict)
    opened: int = 0

    async def current(self) -> str:
        return list(self.times)[-1]

    async def versions(self) -> Sequence[KeyVersion]:
        current = await self.current()
        return [KeyVersion(version, time, version == current) for version, time in self.times.items()]

    async def rotate(self) -> str:
        self.times[str(int(await self.current()) + 1)] = None
        return await self.current()

    async def prune(self, used: Collection[str]) -> Sequence[str]:
        current = await self.current()
        gone = [version for version in self.times if version not in used and version != current]
        for version in gone:
            del self.times[version]
        return gone

    async def seal(self, secret: Secret, context: SecretContext) -> SealedSecret:
        return self.known(context, f"{await self.current()}|{secret.reveal()}|{secret.reveal()}".encode())

    async def open(self, sealed: SealedSecret) -> Secret:
        self.opened += 1
        if self.key_of(sealed) not in self.times:
            raise ConfigurationError("the key is gone")
        return Secret(sealed.sealed.decode().split("|")[2])

    async def read(self, pacs: str, source: SecretSource, *, refused: Secret | None = None) -> Secret:
        if isinstance(source, SealedSecret):
            return await self.open(source)
        assert isinstance(source, Secret), f"{pacs}: references lead nowhere in memory"
        return source

    async def rewrap(self, sealed: SealedSecret) -> SealedSecret:
        return await self.seal(await self.open(sealed), sealed.context)

    def known(self, context: SecretContext, sealed: bytes) -> SealedSecret:
        return SealedSecret(context, sealed.split(b"|")[1], sealed)

    def key_of(self, sealed: SealedSecret) -> str:
        return sealed.sealed.decode().split("|")[0]

    def fingerprint(self, secret: str) -> bytes:
        return secret.encode()

    async def list_sealed(self) -> Sequence[SealedSecret]:
        return list(self.stored.values())

    async def find_sealed(self, context: SecretContext) -> SealedSecret | None:
        return self.stored.get(context)

    async def replace_sealed(self, old: SealedSecret, new: SealedSecret) -> bool:
        known = self.stored.get(old.context)
        if known is None or known.sealed != old.sealed:
            return False
        self.stored[old.context] = new
        return True
