"""The pass code of User Identity Negotiation (PS3.7 D.3.3.7), read anew for each association."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from radgate_server.core.errors import PacsRejectedError
from radgate_server.core.ports.secrets import SecretReader
from radgate_server.core.secret import Secret, SecretSource


@dataclass(frozen=True, slots=True)
class Passcodes:
    """The pass code of one PACS, as it is now."""

    pacs: str
    source: SecretSource
    secrets: SecretReader

    async def opened_with[T](self, open_association: Callable[[Secret], Awaitable[T]]) -> T:
        """Open an association with it. One that is rejected is tried again if the pass code is another by now.

        Raises:
            PacsError: why it can't be opened; SecretUnavailableError when there is no pass code to be had.
        """
        passcode = await self.secrets.read(self.pacs, self.source)
        try:
            return await open_association(passcode)
        except PacsRejectedError:
            renewed = await self.secrets.read(self.pacs, self.source, refused=passcode)
            if renewed == passcode:
                raise
        return await open_association(renewed)
