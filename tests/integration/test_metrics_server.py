import asyncio
from urllib.request import urlopen

import pytest

from radgate_server.adapters.telemetry import MetricsServer, PrometheusTelemetry
from radgate_server.core.errors import ConfigurationError


async def test_serves_the_metrics_on_a_free_port_until_closed() -> None:
    telemetry = PrometheusTelemetry()
    server = MetricsServer(telemetry, host="127.0.0.1", port=0)
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


async def test_a_port_in_use_stops_the_start_with_one_clear_line() -> None:
    first = MetricsServer(PrometheusTelemetry(), host="127.0.0.1", port=0)
    await first.start()
    second = MetricsServer(PrometheusTelemetry(), host="127.0.0.1", port=first.port)
    with pytest.raises(ConfigurationError, match=f"can't be served on 127.0.0.1:{first.port}: Address already in use"):
        await second.start()
    await first.close()
