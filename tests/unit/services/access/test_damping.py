"""Who shows wrong credentials has to wait longer and longer, and never permanently."""

import pytest

from radgate_server.services.access.damping import FailureDamper, site_of
from tests.fakes.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def damper(clock: FakeClock) -> FailureDamper:
    return FailureDamper(clock, max_failures=3, max_wait_s=10)


def fail(damper: FailureDamper, subject: str, times: int) -> None:
    for _ in range(times):
        damper.failed(subject)


def test_a_few_failures_cost_nothing(damper: FailureDamper) -> None:
    fail(damper, "a", 3)
    assert damper.wait_s("a") == 0


def test_each_further_failure_doubles_the_wait_up_to_the_longest(damper: FailureDamper) -> None:
    fail(damper, "a", 3)
    waits = []
    for _ in range(6):
        damper.failed("a")
        waits.append(damper.wait_s("a"))
    assert waits == [1, 2, 4, 8, 10, 10]


def test_the_wait_passes(damper: FailureDamper, clock: FakeClock) -> None:
    fail(damper, "a", 5)
    clock.advance(1.5)
    assert damper.wait_s("a") == 0.5
    clock.advance(0.5)
    assert damper.wait_s("a") == 0


def test_nobody_waits_for_another(damper: FailureDamper) -> None:
    fail(damper, "a", 9)
    assert damper.wait_s("b") == 0
    assert damper.wait_s("b", "a") == 10


def test_a_quarter_of_an_hour_without_a_failure_makes_good(damper: FailureDamper, clock: FakeClock) -> None:
    fail(damper, "a", 9)
    clock.advance(901)
    damper.failed("a")
    assert damper.wait_s("a") == 0


def test_who_guesses_at_several_servers_gains_nothing(clock: FakeClock) -> None:
    servers = [FailureDamper(clock, max_failures=6, max_wait_s=10) for _ in range(3)]
    for damper in servers:
        damper.share(3)
        fail(damper, "a", 2)
    assert [damper.wait_s("a") for damper in servers] == [0, 0, 0]
    for damper in servers:
        fail(damper, "a", 1)
    assert [damper.wait_s("a") for damper in servers] == [4, 4, 4]
    fail(servers[0], "a", 9)
    assert servers[0].wait_s("a") == 30  # at each of three servers, as often as every 10 s at one


def test_a_thousand_failures_overflow_nothing(damper: FailureDamper) -> None:
    fail(damper, "a", 2000)
    assert damper.wait_s("a") == 10


def test_memory_is_bounded_by_forgetting_who_was_seen_least_recently(damper: FailureDamper) -> None:
    fail(damper, "first", 9)
    for number in range(50_000):
        damper.failed(number)
    assert damper.wait_s("first") == 0
    assert len(list(damper._failures._kept)) == 50_000


@pytest.mark.parametrize(
    ("address", "site"),
    [
        ("10.1.2.3", "10.1.2.3"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("local", "local"),
        ("", ""),
    ],
)
def test_one_site_is_an_address_or_a_network_of_ipv6(address: str, site: str) -> None:
    assert site_of(address) == site
