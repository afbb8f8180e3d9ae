"""Who may send to the storage SCP: AE titles, addresses, and whether over TLS. Decisions alone, no I/O."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv6Address, ip_address

from radgate_server.core.networks import Address, Network, parse_networks
from radgate_server.core.pacs.connections import ANY_AE_TITLE, DimseConnection


class Refusal(StrEnum):
    """Why an association is not for us. Who comes from an unknown address learns no more than that."""

    NOTHING_AWAITED = "nothing-awaited"
    ADDRESS = "address"
    NOT_SECURED = "not-secured"
    CALLED_AET = "called-aet"
    CALLING_AET = "calling-aet"


REJECTIONS: Mapping[Refusal, tuple[int, int, int]] = {
    # Result, Source, Reason of the A-ASSOCIATE-RJ (PS3.8 table 9-21)
    Refusal.NOTHING_AWAITED: (2, 3, 1),  # for now, presentation provider: temporary congestion
    Refusal.ADDRESS: (1, 1, 1),  # rejected-permanent, service user: no reason given
    Refusal.NOT_SECURED: (1, 1, 1),
    Refusal.CALLED_AET: (1, 1, 7),  # called AE title not recognised
    Refusal.CALLING_AET: (1, 1, 3),  # calling AE title not recognised
}

REMEDIES: Mapping[Refusal, str] = {
    # what an operator can do about it, where a PACS can be at the other end
    Refusal.ADDRESS: "it comes from an address that is not the PACS's: name it in sender_networks",
    Refusal.NOT_SECURED: "it does not come over TLS, and the PACS is reached over TLS: have it send to the TLS port",
    Refusal.CALLED_AET: "it calls another AE title than the setting dicom_aet",
    Refusal.CALLING_AET: "it calls itself by another AE title than the PACS: name it in sender_aets",
}


@dataclass(frozen=True, slots=True)
class Peer:
    """Who asks for an association, as it says of itself and as its connection shows."""

    calling_aet: str
    called_aet: str
    address: Address
    secured: bool


@dataclass(frozen=True, slots=True)
class Sender:
    """From where a PACS sends what a C-MOVE asked for. No `ae_titles`: any."""

    ae_titles: frozenset[str]
    networks: tuple[Network, ...]
    over_tls: bool = False

    def knows(self, address: Address) -> bool:
        """Whether it may be there."""
        return any(address in network for network in self.networks)

    def admits(self, peer: Peer) -> bool:
        """Whether the peer can be this PACS."""
        return self.knows(peer.address) and self.calls_itself(peer.calling_aet) and (peer.secured or not self.over_tls)

    def calls_itself(self, ae_title: str) -> bool:
        """Whether it may use the AE title."""
        return not self.ae_titles or ae_title in self.ae_titles


def refusal_of(peer: Peer, ae_title: str, senders: Iterable[Sender]) -> Refusal | None:
    """Why the peer may not open an association to `ae_title` while these are awaited; None when it may."""
    awaited = tuple(senders)
    if not awaited:
        return Refusal.NOTHING_AWAITED
    near = [sender for sender in awaited if sender.knows(peer.address)]
    if not near:
        return Refusal.ADDRESS
    if peer.called_aet != ae_title:
        return Refusal.CALLED_AET
    named = [sender for sender in near if sender.calls_itself(peer.calling_aet)]
    if not named:
        return Refusal.CALLING_AET
    return None if any(sender.admits(peer) for sender in named) else Refusal.NOT_SECURED


def sender_of(connection: DimseConnection, address: Address, *, over_tls: bool) -> Sender:
    """From where a PACS sends that was reached at `address`: from there, and from where its settings say.

    `over_tls`: the storage SCP speaks TLS, which a PACS that is reached over TLS must then use too.
    """
    titles = connection.sender_aets or (connection.called_aet,)
    return Sender(
        frozenset() if ANY_AE_TITLE in titles else frozenset(titles),
        (*parse_networks((str(address),)), *parse_networks(connection.sender_networks)),
        over_tls and connection.tls is not None,
    )


def plain_address(text: str) -> Address:
    """The address of a socket: without its zone, and an IPv4 address also where IPv6 stands for it (RFC 4291 2.5.5.2).

    Raises:
        ValueError: it is none.
    """
    address = ip_address(text.partition("%")[0])
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
