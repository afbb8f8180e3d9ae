"""The listener for orders in the settings: what is refused, and what a sender stands for."""

from ipaddress import ip_address
from typing import Any

import pytest

from radgate_server.core.errors import ConfigurationError
from radgate_server.core.prefetch.orders.senders import OrderPeer, OrderRoute, sender_of
from radgate_server.settings.settings import load_settings

SENDER: dict[str, Any] = {"tenant": "north", "networks": "10.0.0.0/8"}


@pytest.mark.parametrize(
    ("orders", "reported"),
    [
        ({"port": 2575}, "prefetch.orders.port needs prefetch.orders.senders"),
        ({"senders": [{**SENDER, "tenant": "The North"}]}, "senders.0.tenant"),
        ({"senders": [{"tenant": "north"}]}, "senders.0.networks"),
        ({"senders": [{**SENDER, "networks": []}]}, "senders.0.networks"),
        ({"senders": [{**SENDER, "networks": "10.0.0.1/8"}]}, "not a network such as"),
        ({"senders": [{**SENDER, "certificate": "engine"}]}, "must begin with one of URI:, DNS:, email:"),
        ({"senders": [{**SENDER, "certificate": "DNS:engine"}]}, "needs prefetch.orders.tls_client_ca_file"),
        ({"tls_certificate_file": "a.pem"}, "belong together"),
        ({"tls_client_ca_file": "a.pem"}, "over TLS alone"),
        ({"max_message_bytes": 1}, "max_message_bytes"),
        ({"idle_timeout_s": 0}, "idle_timeout_s"),
    ],
)
def test_what_can_not_be_meant_is_reported(orders: dict[str, Any], reported: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(prefetch={"orders": orders})
    assert reported in caught.value.message


def test_no_port_is_opened_by_default() -> None:
    assert load_settings().prefetch.orders.port == 0


def test_a_sender_of_the_settings() -> None:
    given = {**SENDER, "sending_facility": "NORTH", "certificate": "DNS:engine", "assigning_authority": "MPI"}
    tls = {"tls_certificate_file": "a.pem", "tls_key_file": "a.key", "tls_client_ca_file": "ca.pem"}
    (configured,) = load_settings(
        prefetch={"orders": {"port": 2575, "senders": [given], **tls}}
    ).prefetch.orders.senders
    sender = configured.sender
    peer = OrderPeer(ip_address("10.1.1.1"), frozenset({"DNS:engine"}))
    assert sender_of([sender], peer, OrderRoute("RIS", "NORTH", "RADGATE", "X")) is sender
    assert sender_of([sender], peer, OrderRoute("NORTH")) is None
    assert (sender.tenant_id, sender.assigning_authority) == ("north", "MPI")
