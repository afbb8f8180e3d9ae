"""What Radgate shows a PACS of itself when it opens an association, read again for each."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple

from radgate_server.core.errors import PacsRejectedError, PacsTlsFailedError
from radgate_server.core.secrets.ports import SecretReader
from radgate_server.core.secrets.secret import NO_SECRET, Secret, SecretSource


class PresentedCredentials(NamedTuple):
    """A pass code (PS3.7 D.3.3.7) and, when they are no files, a certificate with its key (PEM)."""

    passcode: Secret = NO_SECRET
    identity: Secret = NO_SECRET


@dataclass(frozen=True, slots=True)
class Credentials:
    """Those for one PACS, as they are now."""

    pacs: str
    secrets: SecretReader
    passcode: SecretSource = NO_SECRET
    identity: SecretSource = NO_SECRET

    async def opened_with[T](self, open_association: Callable[[PresentedCredentials], Awaitable[T]]) -> T:
        """Open an association with them. One that is refused is retried if they are others by now.

        Raises:
            PacsError: why it can't be opened; SecretUnavailableError when a credential is not to be had.
        """
        shown = PresentedCredentials(await self._read(self.passcode), await self._read(self.identity))
        try:
            return await open_association(shown)
        except PacsRejectedError:
            renewed = shown._replace(passcode=await self._read(self.passcode, shown.passcode))
            if renewed == shown:
                raise
        except PacsTlsFailedError:
            renewed = shown._replace(identity=await self._read(self.identity, shown.identity))
            if renewed == shown:
                raise
        return await open_association(renewed)

    async def _read(self, source: SecretSource, refused: Secret | None = None) -> Secret:
        return await self.secrets.read(self.pacs, source, refused=refused)
