"""Where Radgate may connect to on behalf of a tenant: not into the operator's own networks, unless they are opened.

Detection and new PACS make the server open connections to wherever a caller says. A caller who manages one tenant must
not reach with them what only this machine can see: other services, cloud metadata, the hospital's network.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from ipaddress import ip_address

from radgate_server.core.errors import AddressNotAllowedError, InvalidArgumentError
from radgate_server.core.networks import Address, may_be_reached, parse_host, parse_networks
from radgate_server.core.pacs.connections import PacsConnection

type Resolver = Callable[[str], Awaitable[Sequence[str]]]
"""Gives the addresses of a host name. Raises OSError when it has none."""

RESOLVE_TIMEOUT_S = 5.0


async def resolve_by_system(name: str) -> Sequence[str]:
    """Ask as every connection of this machine does: hosts file, then DNS."""
    found = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))


class AddressPolicy:
    """Allows public addresses, and those in `allowed_networks` (CIDR; setting `pacs.allowed_networks`)."""

    def __init__(self, allowed_networks: Iterable[str], resolve: Resolver = resolve_by_system) -> None:
        self._allowed = parse_networks(allowed_networks)
        self._resolve = resolve

    async def check(self, host: str, *, unrestricted: bool, field_name: str = "host") -> tuple[Address, ...]:
        """Return the addresses of the host, at least one, if each of them may be connected to.

        `unrestricted` is for callers who run the whole installation: every address may.

        Raises:
            AddressNotAllowedError: one of them may not.
            InvalidArgumentError: the host is malformed or has no address.
        """
        parsed = parse_host(host, field_name)
        addresses = await self._addresses(parsed, field_name) if isinstance(parsed, str) else (parsed,)
        if not unrestricted and not all(may_be_reached(address, self._allowed) for address in addresses):
            raise AddressNotAllowedError(
                "the host lies in a network that is not open to tenants; the operator can open it with the setting"
                " pacs.allowed_networks, or act with a key for every tenant",
                field=field_name,
            )
        return addresses

    async def check_connection(self, connection: PacsConnection, *, unrestricted: bool) -> None:
        """Check every host that the connection leads to, those of its token and WADO-URI addresses too.

        An unrestricted caller may name hosts that have no address yet.

        Raises:
            AddressNotAllowedError, InvalidArgumentError: as `check`.
        """
        if unrestricted:
            return
        for host in connection.hosts:
            await self.check(host, unrestricted=False, field_name=connection.kind)

    async def _addresses(self, name: str, field_name: str) -> tuple[Address, ...]:
        try:
            async with asyncio.timeout(RESOLVE_TIMEOUT_S):
                addresses = tuple(ip_address(text.partition("%")[0]) for text in await self._resolve(name))
        except (OSError, UnicodeError):  # TimeoutError is an OSError
            addresses = ()
        if not addresses:
            raise InvalidArgumentError(field_name, "has no address: check the name, and this server's DNS")
        return addresses
