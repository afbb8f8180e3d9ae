"""What a tenant, or a key acting for it, may use of the installation, and from where it may come."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple

from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.networks import Address, Network, parse_networks

MAX_NETWORKS = 256
"""In one list; each call of an address that was not seen lately is compared with all of them."""

MIN_BYTES_PER_SECOND = 64 * 1024
"""A slower stream would stand still for longer than clients and proxies wait."""

MIN_REQUESTS_PER_SECOND = 0.01
_MOST = 1 << 53
"""The largest number that JSON has whole."""


class LimitSubject(NamedTuple):
    """Whose limits: a tenant's, or with a `key_id` those of a principal that acts for it."""

    tenant_id: str
    key_id: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one subject; None stands for what the installation's settings say, 0 for no limit.

    `burst_requests` is how many requests may come at once within `requests_per_second`; None and 0: those of a second.
    Days are those of UTC. `allowed_networks` empty: every address, but those in `denied_networks`.
    """

    requests_per_second: float | None = None
    burst_requests: int | None = None
    concurrent_requests: int | None = None
    bytes_per_second: int | None = None
    daily_requests: int | None = None
    daily_bytes: int | None = None
    allowed_networks: tuple[Network, ...] = ()
    denied_networks: tuple[Network, ...] = ()

    def over(self, defaults: "Limits") -> "Limits":
        """These, with the defaults in place of what is not set."""
        return Limits(*(_first(getattr(self, name), getattr(defaults, name)) for name in LIMIT_NAMES))

    @property
    def burst(self) -> float:
        """How many requests may come at once."""
        return float(self.burst_requests or max(1.0, self.requests_per_second or 0))

    @property
    def has_lists(self) -> bool:
        """Whether it matters where a client comes from."""
        return bool(self.allowed_networks or self.denied_networks)

    def admits(self, address: str) -> bool:
        """Whether a client at that address may come in; one whose address is unknown only where no list holds."""
        if not self.has_lists:
            return True
        parsed = _parse_address(address)
        if parsed is None or _lies_in(parsed, self.denied_networks):
            return False
        return not self.allowed_networks or _lies_in(parsed, self.allowed_networks)


LIMIT_NAMES = tuple(field.name for field in fields(Limits))
NETWORK_NAMES = ("allowed_networks", "denied_networks")
NUMBER_NAMES = tuple(name for name in LIMIT_NAMES if name not in NETWORK_NAMES)
_LEAST: dict[str, float] = {
    "requests_per_second": MIN_REQUESTS_PER_SECOND,
    "bytes_per_second": MIN_BYTES_PER_SECOND,
}


def check_limits(limits: Limits) -> None:
    """See that the limits make sense.

    Raises:
        InvalidArgumentError: naming the field that does not.
    """
    for name in NETWORK_NAMES:
        if len(getattr(limits, name)) > MAX_NETWORKS:
            raise InvalidArgumentError(f"limits.{name}", f"at most {MAX_NETWORKS} networks")
    for name in NUMBER_NAMES:
        value, least = getattr(limits, name), _LEAST.get(name, 1)
        if value and not least <= value <= _MOST:
            raise InvalidArgumentError(f"limits.{name}", f"must be 0 for no limit, or at least {least:g}")


def read_networks(texts: Iterable[str], field: str) -> tuple[Network, ...]:
    """Read addresses and networks of a list. Raises InvalidArgumentError, naming `field`."""
    try:
        return parse_networks(texts)
    except ValueError as error:
        raise InvalidArgumentError(field, str(error)) from None


def is_address(text: str) -> bool:
    """Whether the text is an IPv4 or IPv6 address."""
    return _parse_address(text) is not None


def _first[T](value: T | None, default: T) -> T:
    return default if value is None or value == () else value


def _parse_address(address: str) -> Address | None:
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return (isinstance(parsed, IPv6Address) and parsed.ipv4_mapped) or parsed


def _lies_in(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)
