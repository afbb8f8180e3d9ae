"""A small drill: each attack is stopped, and a good client served meanwhile; `python -m tests.drill` is a large one."""

from collections.abc import Iterator

import pytest

from tests.drill.attacks import ATTACKS
from tests.drill.running import attack, drilled_server
from tests.e2e.radgate_process import RadgateProcess

ATTACKERS, MAX_CONNECTIONS = 40, 150
STOPPED = {
    "slow headers": "answered 408",
    "slow body": "answered 408",
    "slow upload": "answered 401",
    "slow reader": "answered 429",
    "header bomb": "answered 431",
    "rapid reset": "cut by the gateway",
    "continuation flood": "cut by the gateway",
    "gzip bomb": "answered 415",
}
"""What reports that something was done about it. Who reads slowly has a key, and so many places and no more."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RadgateProcess]:
    folder = tmp_path_factory.mktemp("drill")
    patience = {"headers_timeout_s": "1", "body_timeout_s": "1", "max_connections": str(MAX_CONNECTIONS)}
    with drilled_server(folder, 8, **patience) as server:
        yield server


@pytest.mark.parametrize("name", ATTACKS)
def test_a_good_client_is_served_during_an_attack(server: RadgateProcess, name: str) -> None:
    found = attack(server, name, seconds=2, connections=ATTACKERS, outcome=STOPPED[name])
    assert found.during.seconds
    assert found.during.failures == []
    assert found.outcomes[STOPPED[name]] > 0, found.outcomes
    assert 0 < found.costs.connections <= MAX_CONNECTIONS
