from ipaddress import ip_address

import pytest

from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.networks import may_be_reached, parse_host, parse_networks

NOT_PUBLIC = (
    *("10.1.2.3", "172.16.0.1", "192.168.1.1", "127.0.0.1", "0.0.0.0", "169.254.169.254", "100.64.0.1"),
    *("224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "192.0.0.8", "198.18.0.1", "203.0.113.1"),
    *("::1", "::", "fe80::1", "fec0::1", "fc00::1", "fd12::1", "ff02::1", "2001:db8::1", "2002:7f00:1::", "100::1"),
    *("::ffff:10.0.0.1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "::7f00:1", "64:ff9b:1::1", "2001::1", "192.0.0.255"),
)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_what_is_not_public_is_out_of_reach(address: str) -> None:
    assert not may_be_reached(ip_address(address), ())


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_what_is_public_is_in_reach(address: str) -> None:
    assert may_be_reached(ip_address(address), ())


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::a01:203", "fd00::7"])
def test_a_network_can_be_opened(address: str) -> None:
    assert may_be_reached(ip_address(address), parse_networks(["192.168.0.0/16", "10.0.0.0/8", "fd00::/8"]))


@pytest.mark.parametrize("text", ["10.0.0.1/8", "10.0.0.0/33", "pacs.example", ""])
def test_what_is_no_network_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="not a network such as"):
        parse_networks(["10.0.0.0/8", text])


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::ffff:192.0.2.7", "192.0.2.7/32"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
        ("::/0", "::/0"),
        ("64:ff9b::a00:0/104", "64:ff9b::a00:0/104"),
    ],
)
def test_ipv4_in_the_clothes_of_ipv6_is_ipv4(text: str, meant: str) -> None:
    assert list(map(str, parse_networks([text]))) == [meant]


@pytest.mark.parametrize("text", ["::ffff:10.0.0.1/104", "::ffff:0:0/95"])
def test_a_mapped_network_reaches_no_further_than_its_prefix(text: str) -> None:
    with pytest.raises(ValueError, match="has host bits set"):
        parse_networks([text])


@pytest.mark.parametrize(
    "host",
    [
        "0x7f.1",
        "0x7f000001",
        "2130706433",
        "127.1",
        "010.0.0.1",
        "1.2.3.4.5",
        "256.1.1.1",
        "10.0.0.0x1",
        "fe80::1%eth0",
        "pacs.1",
        "::g",
        "",
        ".",
        "1.2.3.4%lo",
    ],
)
def test_odd_spellings_are_refused(host: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        parse_host(host, "dimse.host")
    assert caught.value.field == "dimse.host"


@pytest.mark.parametrize(
    ("host", "parsed"),
    [
        ("pacs.example.", "pacs.example"),
        ("pacs1", "pacs1"),
        ("10.0.0.1", ip_address("10.0.0.1")),
        ("10.0.0.1.", ip_address("10.0.0.1")),
        ("[::1]", ip_address("::1")),
    ],
)
def test_hosts_are_names_or_addresses(host: str, parsed: object) -> None:
    assert parse_host(host, "host") == parsed
