"""What a running server's metrics say of certificates that PACS show, and of those who want to send unasked."""

import asyncio
import urllib.request
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from radgate_server.adapters.clock import SystemClock
from radgate_server.app import App, build_app
from radgate_server.core.access.tenancy import Tenant
from radgate_server.core.pacs.connections import DimseConnection, DimseTls, PacsConfig
from radgate_server.installation.gate import Purpose
from radgate_server.installation.opening import open_installation
from radgate_server.settings.pacs import PacsSettings
from tests.integration.certificates import server_context, write_certificate
from tests.integration.faulty_scp import FaultyScp
from tests.integration.settings_of_one import settings_of_one
from tests.integration.storescu import storescu

GIVE_UP_S = 30
EXPIRY = "radgate_certificate_expiry_timestamp_seconds"

# pynetdicom's own server, our counterpart here, leaves sockets to the garbage collector when the peer was faster.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[App]:
    """A server of tenant east, whose PACS main is reached over TLS and shows a certificate that ends in ten days."""
    pair = write_certificate(tmp_path, "pacs", days=10)
    settings = settings_of_one(tmp_path, pacs=PacsSettings(probe_interval_s=0.5))
    async with AsyncExitStack() as stack:
        pacs = stack.enter_context(FaultyScp(tls=server_context(pair)))
        connection = DimseConnection("127.0.0.1", pacs.port, "FAULTY", "RADGATE", tls=DimseTls(str(pair[0])))
        async with AsyncExitStack() as setting_up:
            clock = SystemClock()
            installation = await open_installation(setting_up, settings, clock, purpose=Purpose.BEGIN)
            await installation.directories.tenants.create_tenant(Tenant("east", clock.now()))
            await installation.directories.pacs.create_pacs(PacsConfig("east", "main", connection, clock.now()))
        yield await stack.enter_async_context(build_app(settings))


def metrics_of(app: App) -> dict[str, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{app.metrics_port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[:1] != "#")}


async def shown(app: App, name: str) -> float:
    """The metric, once it is there."""
    async with asyncio.timeout(GIVE_UP_S):
        while (metrics := await asyncio.to_thread(metrics_of, app)).get(name) is None:
            await asyncio.sleep(0.1)
    return metrics[name]


async def test_what_a_pacs_shows_in_the_handshake_is_watched(app: App) -> None:
    ends = await shown(app, f'{EXPIRY}{{pacs="main",tenant="east",use="pacs-server"}}')
    assert 9 < (datetime.fromtimestamp(ends, UTC) - datetime.now(UTC)).days + 1 <= 10


async def test_who_wants_to_send_unasked_is_counted(app: App) -> None:
    said = await storescu(app.dicom_port)
    assert "Result: Rejected Transient, Source: Service Provider (Presentation Related)" in said
    assert "Reason: Temporary Congestion" in said
    assert await shown(app, 'radgate_dimse_associations_refused_total{reason="nothing-awaited"}') == 1
