"""Which addresses lie in the open internet, and which in somebody's own network (IANA special-purpose registries)."""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from radgate_server.core.errors import InvalidArgumentError

type Address = IPv4Address | IPv6Address
type Network = IPv4Network | IPv6Network

_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
_MAPPED_BITS = 96
"""Those before an IPv4 address in ::ffff:0:0/96."""
_PROTOCOL_ASSIGNMENTS = IPv4Network("192.0.0.0/24")
"""RFC 6890. Python before 3.12.4 takes all but the first eight of them for public."""
_NAT64 = IPv6Network("64:ff9b::/96")
_SIX_TO_FOUR = IPv6Network("2002::/16")
_COMPATIBLE = IPv6Network("::/96")
"""IPv6 addresses with an IPv4 address in their last four bytes, which packets may end up at: RFC 6052, 4291."""


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Read networks in CIDR notation, such as 10.0.0.0/8 or fd00::/8.

    One of IPv4 addresses that IPv6 ones stand for (::ffff:10.0.0.0/104, RFC 4291 2.5.5.2) is read as that of IPv4: so
    are the addresses that are looked for in it.

    Raises:
        ValueError: naming the first that is none, or whose address reaches beyond its prefix.
    """
    return tuple(map(_parse_network, texts))


def parse_host(host: str, field_name: str) -> Address | str:
    """Read a host: an address in its usual spelling, or a name, of which one dot at the end is taken off.

    Numbers that some software reads as an address and some as a name (127.1, 2130706433, 0x7f.1, 010.0.0.1) are
    refused, as are zones (fe80::1%eth0): what is checked must be what is connected to.

    Raises:
        InvalidArgumentError: it is neither, naming `field_name`.
    """
    bare = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host.removesuffix(".")
    if "%" in bare:
        raise InvalidArgumentError(field_name, "must be an address without a zone")
    try:
        return ip_address(bare)
    except ValueError:
        if ":" in bare or not bare or _NUMBER.fullmatch(bare.rsplit(".", 1)[-1]):
            text = "must be a host name, or an address spelled as in 192.0.2.1 or 2001:db8::1"
            raise InvalidArgumentError(field_name, text) from None
        return bare


def may_be_reached(address: Address, allowed: Iterable[Network]) -> bool:
    """Whether the address is a public unicast one, or lies in a network that is allowed.

    An IPv4 address that an IPv6 one stands for counts as well, or alone where it is mapped (RFC 4291 2.5.5.2).
    """
    networks = tuple(allowed)
    return all(_is_public(each) or any(each in network for network in networks) for each in _meant(address))


def _parse_network(text: str) -> Network:
    try:
        network = ip_network(text)
    except ValueError as error:
        raise ValueError(f"not a network such as 10.0.0.0/8: {error}") from None
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    return IPv4Network((mapped, network.prefixlen - _MAPPED_BITS)) if mapped else network


def _meant(address: Address) -> tuple[Address, ...]:
    if isinstance(address, IPv4Address):
        return (address,)
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    if address in _NAT64:
        return (IPv4Address(int(address) & 0xFFFFFFFF),)
    return (address,)


def _is_public(address: Address) -> bool:
    if address.is_multicast or address.is_reserved or not address.is_global:
        return False
    if isinstance(address, IPv4Address):
        return address not in _PROTOCOL_ASSIGNMENTS
    return not address.is_site_local and address not in _SIX_TO_FOUR and address not in _COMPATIBLE
