from dataclasses import replace

import pytest

from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.limits.model import Limits, check_limits, read_networks

LISTS = Limits(
    allowed_networks=read_networks(["10.0.0.0/8", "2001:db8::/32"], "a"),
    denied_networks=read_networks(["10.6.0.0/16", "10.0.0.66", "2001:db8:bad::/48"], "d"),
)


@pytest.mark.parametrize(
    ("address", "admitted"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("2001:db8::1", True),
        ("fe80::1%eth0", False),
        ("10.6.1.1", False),
        ("::ffff:10.6.1.1", False),
        ("10.0.0.66", False),
        ("2001:db8:bad::1", False),
        ("192.0.2.1", False),
        ("2001:db9::1", False),
        ("", False),
        ("unix", False),
    ],
)
def test_what_is_denied_stays_out_and_so_does_what_is_not_allowed(address: str, admitted: bool) -> None:
    assert LISTS.admits(address) is admitted


def test_without_an_allow_list_everybody_else_may_come() -> None:
    limits = replace(LISTS, allowed_networks=())
    assert limits.admits("192.0.2.1")
    assert not limits.admits("10.0.0.66")
    assert not limits.admits("")
    assert Limits().admits("")


def test_what_is_not_set_is_as_the_defaults_say_and_zero_is_no_limit() -> None:
    defaults = Limits(requests_per_second=5, concurrent_requests=3, daily_bytes=7)
    merged = Limits(requests_per_second=0, daily_requests=9, allowed_networks=LISTS.allowed_networks).over(defaults)
    assert merged == Limits(
        requests_per_second=0,
        concurrent_requests=3,
        daily_requests=9,
        daily_bytes=7,
        allowed_networks=LISTS.allowed_networks,
    )


def test_a_burst_is_what_a_second_brings_unless_it_is_set() -> None:
    assert Limits(requests_per_second=20).burst == 20
    assert Limits(requests_per_second=0.1).burst == 1
    assert Limits(requests_per_second=20, burst_requests=50).burst == 50


@pytest.mark.parametrize(
    "limits",
    [
        Limits(requests_per_second=0.001),
        Limits(requests_per_second=-1),
        Limits(requests_per_second=float("nan")),
        Limits(bytes_per_second=1000),
        Limits(daily_requests=-1),
        Limits(concurrent_requests=1 << 60),
        Limits(allowed_networks=read_networks([f"10.0.{n}.0/24" for n in range(256)] + ["192.0.2.0/24"], "a")),
    ],
    ids=str,
)
def test_nonsense_is_refused(limits: Limits) -> None:
    with pytest.raises(InvalidArgumentError):
        check_limits(limits)


def test_what_is_no_network_is_refused_by_the_fields_name() -> None:
    with pytest.raises(InvalidArgumentError, match=r"^limits.denied_networks: not a network"):
        read_networks(["10.0.0.1/8"], "limits.denied_networks")


def test_a_list_may_spell_ipv4_as_ipv6_does() -> None:
    limits = Limits(allowed_networks=read_networks(["::ffff:10.0.0.0/104"], "a"))
    assert list(map(str, limits.allowed_networks)) == ["10.0.0.0/8"]
    assert limits.admits("10.1.2.3")
    assert limits.admits("::ffff:10.1.2.3")
    assert not limits.admits("11.1.2.3")
