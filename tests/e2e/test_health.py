"""/healthz and /readyz of a whole server: what they say when all is well, when Envoy hangs, and when it stops."""

import os
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.processes import running_child_of
from tests.e2e.radgate_process import RadgateProcess
from tests.e2e.waiting import wait_for


def ask(server: RadgateProcess, page: str) -> tuple[int, Any]:
    url = server.metrics_url.replace("/metrics", page)
    response = httpx.get(url, timeout=30, trust_env=False)
    return response.status_code, response.json()


def checks_of(server: RadgateProcess) -> dict[str, str]:
    """What /readyz finds wrong, by check."""
    status, document = ask(server, "/readyz")
    checks = {name: check["problem"] for name, check in document["checks"].items()}
    assert (status, document["ready"]) == ((503, False) if any(checks.values()) else (200, True))
    return checks


def problems(server: RadgateProcess) -> dict[str, str]:
    """Those of the checks that went wrong."""
    return {name: problem for name, problem in checks_of(server).items() if problem}


@pytest.fixture
def server(tmp_path: Path) -> RadgateProcess:
    return RadgateProcess(tmp_path)


def test_a_gateway_that_hangs_is_reported_and_so_is_that_it_does_no_more(server: RadgateProcess) -> None:
    with server:
        wait_for(lambda: problems(server) == {}, "the server is ready")
        httpx.get(f"{server.url}/nowhere", timeout=30, trust_env=False)
        wait_for(lambda: server.metric("radgate_gateway_answers_total") == 1, "what the gateway answered is counted")
        assert server.metric("radgate_gateway_own_answers_total") == 0
        assert checks_of(server).keys() == {
            *("database", "audit", "disk", "data-dir", "image-workers", "gateway", "servers"),
        }
        envoy = running_child_of(server.pid, "envoy")
        os.kill(envoy, signal.SIGSTOP)
        try:
            wait_for(lambda: set(problems(server)) == {"gateway"}, "the gateway is missed")
            assert ask(server, "/healthz") == (200, {"alive": True})
        finally:
            os.kill(envoy, signal.SIGCONT)
        wait_for(lambda: problems(server) == {}, "the server is ready again")


def test_a_server_that_stops_sends_calls_elsewhere_while_it_drains(server: RadgateProcess) -> None:
    with server:
        wait_for(lambda: problems(server) == {}, "the server is ready")
        os.kill(running_child_of(server.pid, "envoy"), signal.SIGSTOP)  # the drain waits for it
        server.terminate()
        wait_for(lambda: problems(server).get("server") == "it is stopping", "it says that it stops")
        assert ask(server, "/healthz") == (200, {"alive": True})
