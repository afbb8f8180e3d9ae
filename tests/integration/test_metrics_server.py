import asyncio
import json
import socket
from contextlib import AsyncExitStack
from typing import Any, cast
from urllib.error import HTTPError
from urllib.request import urlopen
from wsgiref.simple_server import WSGIServer

import pytest

from radgate_server.adapters.clock import SystemClock
from radgate_server.adapters.telemetry import MetricsServer, PrometheusTelemetry
from radgate_server.app.foundation import Foundation
from radgate_server.app.monitoring import open_metrics
from radgate_server.core.errors import ConfigurationError
from radgate_server.core.pacs.health import ServerHealth
from radgate_server.installation.opening import Installation
from radgate_server.services.telemetry.readiness import Readiness
from radgate_server.settings.settings import Settings

WELL = ServerHealth(alive=True, ready=True, problems={"database": ""})


async def test_serves_the_metrics_on_a_free_port_until_closed() -> None:
    telemetry = PrometheusTelemetry()
    server = MetricsServer(telemetry.registry, lambda: WELL, host="127.0.0.1", port=0)
    await server.start()
    port = server.port
    assert port > 0
    telemetry.cache_lookup("hot", True)

    def fetch() -> str:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as response:
            assert response.headers["Content-Type"].startswith("text/plain")
            text: str = response.read().decode()
            return text

    assert 'radgate_cache_lookups_total{result="hit",tier="hot"} 1.0' in await asyncio.to_thread(fetch)
    await server.close()
    await server.close()
    with pytest.raises(OSError, match="refused"):
        await asyncio.to_thread(fetch)


@pytest.mark.parametrize(("settings", "is_reached"), [({}, False), ({"metrics_host": "0.0.0.0"}, True)])
async def test_stays_on_the_loopback_address_where_clients_come_from_elsewhere(
    settings: dict[str, str], is_reached: bool
) -> None:
    telemetry = PrometheusTelemetry()
    async with AsyncExitStack() as stack:
        chosen = Settings(host="0.0.0.0", metrics_port=0, **settings)  # type: ignore[arg-type]
        clock, nothing = SystemClock(), cast("Installation", None)  # metrics are shown without asking it
        readiness = Readiness({}, clock, telemetry)
        port = await open_metrics(Foundation(stack, chosen, clock, telemetry, nothing, readiness))
        with socket.socket() as client:
            # Another address of this machine than the one that a server on 127.0.0.1 has.
            assert (client.connect_ex(("127.0.0.2", port)) == 0) is is_reached


async def test_says_nothing_before_it_can_say_whether_it_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    for name in ("set_app", "serve_forever"):
        original = getattr(WSGIServer, name)
        monkeypatch.setattr(WSGIServer, name, lambda *args, _=original, step=name: [steps.append(step), _(*args)][1])
    starting = ServerHealth(alive=True, ready=False, problems={"server": "it is starting"})
    server = MetricsServer(PrometheusTelemetry().registry, lambda: starting, host="127.0.0.1", port=0)
    await server.start()
    with pytest.raises(HTTPError, match="503"):
        await asyncio.to_thread(urlopen, f"http://127.0.0.1:{server.port}/readyz", timeout=10)
    await server.close()
    assert steps == ["set_app", "serve_forever"]


async def test_a_port_in_use_stops_the_start_with_one_clear_line() -> None:
    first = MetricsServer(PrometheusTelemetry().registry, lambda: WELL, host="127.0.0.1", port=0)
    await first.start()
    second = MetricsServer(PrometheusTelemetry().registry, lambda: WELL, host="127.0.0.1", port=first.port)
    with pytest.raises(ConfigurationError, match=f"can't be served on 127.0.0.1:{first.port}: Address already in use"):
        await second.start()
    await first.close()


@pytest.mark.parametrize(
    ("health", "live_status", "ready_status"),
    [
        (WELL, 200, 200),
        (ServerHealth(alive=True, ready=False, problems={"database": "it is away", "disk": ""}), 200, 503),
        (ServerHealth(alive=False, ready=False, problems={}), 503, 503),
    ],
)
async def test_reports_health_as_orchestrators_ask_for_it(
    health: ServerHealth, live_status: int, ready_status: int
) -> None:
    server = MetricsServer(PrometheusTelemetry().registry, lambda: health, host="127.0.0.1", port=0)
    await server.start()

    def fetch(page: str) -> tuple[int, Any]:
        try:
            with urlopen(f"http://127.0.0.1:{server.port}{page}", timeout=10) as response:
                return response.status, json.loads(response.read())
        except HTTPError as error:
            return error.code, json.loads(error.read())

    live = await asyncio.to_thread(fetch, "/healthz")
    status, ready = await asyncio.to_thread(fetch, "/readyz")
    await server.close()
    assert live == (live_status, {"alive": health.alive})
    assert (status, ready["ready"]) == (ready_status, health.ready)
    assert {name: check["problem"] for name, check in ready["checks"].items()} == health.problems
    assert all(check["ok"] is not bool(check["problem"]) for check in ready["checks"].values())
