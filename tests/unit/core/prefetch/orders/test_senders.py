"""Who a peer may be: by its address and certificate first, by what its message says second."""

from ipaddress import ip_address

import pytest

from radgate_server.core.networks import parse_networks
from radgate_server.core.prefetch.orders.senders import OrderPeer, OrderRoute, OrderSender, sender_of

NETWORKS = parse_networks(["10.0.0.0/8", "fd00::/8"])
PEER = OrderPeer(ip_address("10.0.0.1"), frozenset({"DNS:engine.example"}))


def test_each_part_of_the_route_that_is_configured_must_be_said() -> None:
    for number in range(4):
        wanted = OrderRoute(*("x" if number == at else "" for at in range(4)))
        sender = OrderSender("north", NETWORKS, route=wanted)
        assert sender_of([sender], PEER, OrderRoute("X", "x", "x", "x")) is sender
        said = OrderRoute(*("" if number == at else "x" for at in range(4)))
        assert sender_of([sender], PEER, said) is None


@pytest.mark.parametrize(
    ("address", "admitted"), [("10.9.9.9", True), ("fd00::1", True), ("11.0.0.1", False), ("::1", False)]
)
def test_the_address_must_be_in_one_of_the_networks(address: str, admitted: bool) -> None:
    sender = OrderSender("north", NETWORKS)
    assert sender.may_connect_from(ip_address(address)) is admitted
    assert sender.may_be(OrderPeer(ip_address(address), PEER.certificate_names)) is admitted


def test_a_certificate_that_is_wanted_must_be_shown() -> None:
    sender = OrderSender("north", NETWORKS, "DNS:engine.example")
    assert sender.may_be(PEER)
    assert not sender.may_be(OrderPeer(PEER.address))
    assert not sender.may_be(OrderPeer(PEER.address, frozenset({"DNS:engine.example.org"})))


def test_two_senders_of_one_tenant_do_not_contradict_each_other() -> None:
    first, second = OrderSender("north", NETWORKS, assigning_authority="A"), OrderSender("north", NETWORKS)
    assert sender_of([first, second], PEER, OrderRoute()) is first
    assert sender_of([first, OrderSender("south", NETWORKS)], PEER, OrderRoute()) is None
    assert sender_of([], PEER, OrderRoute()) is None
