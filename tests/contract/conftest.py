"""The real Envoy in front of the stub server."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest
import pytest_asyncio

from radgate_server.adapters.gateway import EnvoyProcess
from radgate_server.settings.gateway import GatewaySettings
from radgate_server.settings.settings import Settings
from tests.contract.stub_server import Stub, serve
from tests.integration.ports import free_port

ORIGIN = "https://viewer.example"


PATIENCE_S = 30
"""What anything may take on a busy machine."""


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


@contextmanager
def short_folder() -> Iterator[Path]:
    """A folder whose path leaves room for a socket's name."""
    with TemporaryDirectory(prefix="radgate-") as folder:
        yield Path(folder)


def settings_in(folder: Path) -> Settings:
    return settings_with(folder, GatewaySettings(allowed_origins=(ORIGIN,)))


def settings_with(folder: Path, gateway: GatewaySettings) -> Settings:
    """On a port that no connection takes before Envoy has it, nor between one Envoy and the next."""
    return Settings(data_dir=folder, http_port=free_port(), drain_s=PATIENCE_S, gateway=gateway)


@asynccontextmanager
async def run_gateway(settings: Settings) -> AsyncIterator[Gateway]:
    stub = Stub()
    log = settings.data_dir / "envoy.log"
    async with serve(stub) as address:
        with log.open("wb") as output:
            envoy = EnvoyProcess(settings, address, output=output)
            await envoy.start()
            try:
                async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{envoy.port}", timeout=PATIENCE_S) as client:
                    yield Gateway(stub, envoy, client, log)
            finally:
                await envoy.close()


@pytest.fixture(scope="module")
def module_folder() -> Iterator[Path]:
    with short_folder() as folder:
        yield folder


@pytest.fixture
def settings() -> Iterator[Settings]:
    with short_folder() as folder:
        yield settings_in(folder)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_gateway(module_folder: Path) -> AsyncIterator[Gateway]:
    async with run_gateway(settings_in(module_folder)) as gateway:
        yield gateway


@pytest_asyncio.fixture(loop_scope="module")
async def gateway(shared_gateway: Gateway) -> Gateway:
    """The module's Envoy and server; the server has forgotten the last test."""
    shared_gateway.stub.reset()
    return shared_gateway


@pytest.fixture
async def own_gateway(settings: Settings) -> AsyncIterator[Gateway]:
    """For tests that stop or kill it."""
    async with run_gateway(settings) as gateway:
        yield gateway
