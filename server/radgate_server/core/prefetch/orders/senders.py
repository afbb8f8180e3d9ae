"""Who may send orders, and for which tenant. Decisions alone, no I/O.

MLLP has no authentication: what authorises is the address and, over TLS, the certificate of the peer. What a message
says of its sender chooses among those that the peer may be.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from radgate_server.core.networks import Address, Network


@dataclass(frozen=True, slots=True)
class OrderPeer:
    """The other end of a connection: its address, and the names in the certificate that an authority vouches for."""

    address: Address
    certificate_names: frozenset[str] = frozenset()


class OrderRoute(NamedTuple):
    """From where to where a message says that it goes: MSH-3, MSH-4, MSH-5 and MSH-6, each without its qualifiers."""

    sending_application: str = ""
    sending_facility: str = ""
    receiving_application: str = ""
    receiving_facility: str = ""


ANY_ROUTE = OrderRoute()


@dataclass(frozen=True, slots=True)
class OrderSender:
    """One that may send orders of a tenant: from these networks and, unless it is "", with this name in a certificate.

    `route` has what its messages say, "" for whatever. `assigning_authority` is the one whose Patient ID the PACS use
    (PID-3.4), "" for the first Patient ID.
    """

    tenant_id: str
    networks: tuple[Network, ...]
    certificate_name: str = ""
    route: OrderRoute = ANY_ROUTE
    assigning_authority: str = ""

    def may_connect_from(self, address: Address) -> bool:
        """Whether a connection from there may be its."""
        return any(address in network for network in self.networks)

    def may_be(self, peer: OrderPeer) -> bool:
        """Whether the peer is authorised to be this sender."""
        return self.may_connect_from(peer.address) and (
            not self.certificate_name or self.certificate_name in peer.certificate_names
        )

    def sends(self, route: OrderRoute) -> bool:
        """Whether its messages say so; case counts for nothing."""
        return all(not own or own.casefold() == said.casefold() for own, said in zip(self.route, route, strict=True))


def sender_of(senders: Iterable[OrderSender], peer: OrderPeer, route: OrderRoute) -> OrderSender | None:
    """The one whose message it is; None when it is nobody's, or could be of more than one tenant."""
    possible: Sequence[OrderSender] = [one for one in senders if one.may_be(peer) and one.sends(route)]
    return possible[0] if len({one.tenant_id for one in possible}) == 1 else None
