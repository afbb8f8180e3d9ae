"""Where connections to a PACS may lead, decided when they are opened and by the very address that is then dialled.

The address of a name is its owner's to change, at any time: what was checked when the PACS was saved says nothing of
where a connection leads later (DNS rebinding).
"""

import asyncio
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address

from radgate_server.core.networks import Network, may_be_reached

REFUSED = (
    "the PACS's host lies in a network that is not open to tenants; the operator can open it with the setting"
    " pacs.allowed_networks, or add the PACS with a key for every tenant"
)
_MAX_ADDRESSES = 4
"""Of one name, that are tried."""


class AddressRefusedError(OSError):
    """A host has an address that the PACS may not lead to."""

    def __init__(self) -> None:
        super().__init__(REFUSED)


@dataclass(frozen=True, slots=True)
class Destinations:
    """Where a PACS may lead: to public addresses and into `allowed` networks, or to any address when that is None."""

    allowed: tuple[Network, ...] | None = None

    @property
    def is_any(self) -> bool:
        """Whether every address may be dialled."""
        return self.allowed is None

    def resolve(self, host: str, port: int) -> tuple[str, ...]:
        """Return the addresses to dial, at least one. Blocks.

        Raises:
            AddressRefusedError: one of the host's addresses may not be dialled; so none is.
            OSError, UnicodeError: the host has no address.
        """
        return self._checked(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))

    async def resolve_soon(self, host: str, port: int, timeout_s: float | None) -> tuple[str, ...]:
        """The same without blocking. Raises TimeoutError too, which is an OSError."""
        async with asyncio.timeout(timeout_s):
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return self._checked(found)

    def _checked(self, found: Iterable[tuple[object, object, object, object, tuple[object, ...]]]) -> tuple[str, ...]:
        addresses = tuple(dict.fromkeys(str(sockaddr[0]).partition("%")[0] for *_, sockaddr in found))
        if self.allowed is not None:
            allowed = self.allowed
            if not all(may_be_reached(ip_address(address), allowed) for address in addresses):
                raise AddressRefusedError
        if not addresses:
            raise OSError("the host has no address")
        return addresses[:_MAX_ADDRESSES]


ANYWHERE = Destinations()
