"""The real Envoy in front of the stub server."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest

from radgate_server.adapters.gateway import EnvoyProcess
from radgate_server.config import GatewaySettings, Settings
from tests.contract.stub_server import Stub, serve

ORIGIN = "https://viewer.example"


@dataclass(frozen=True)
class Gateway:
    """What a test talks to."""

    stub: Stub
    envoy: EnvoyProcess
    client: httpx.AsyncClient
    log: Path

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.envoy.port}"


@pytest.fixture
def short_folder() -> AsyncIterator[Path]:
    """A folder whose path leaves room for a socket's name."""
    with TemporaryDirectory(prefix="radgate-") as folder:
        yield Path(folder)


@pytest.fixture
def settings(short_folder: Path) -> Settings:
    return Settings(
        data_dir=short_folder,
        http_port=0,
        drain_s=2,
        gateway=GatewaySettings(allowed_origins=(ORIGIN,)),
    )


@pytest.fixture
async def gateway(settings: Settings) -> AsyncIterator[Gateway]:
    stub = Stub()
    log = settings.data_dir / "envoy.log"
    async with serve(stub) as address:
        with log.open("wb") as output:
            envoy = EnvoyProcess(settings, address, output=output)
            await envoy.start()
            try:
                async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{envoy.port}") as client:
                    yield Gateway(stub, envoy, client, log)
            finally:
                await envoy.close()
