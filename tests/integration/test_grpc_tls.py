"""The gRPC port's own TLS, without a gateway: client certificates, and renewal while it is open."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest

from radgate_server.app import build_app
from radgate_server.core.access.tenancy import Caller, Principal, Role
from radgate_server.settings.access import AuthSettings, CertificateSettings
from radgate_server.settings.gateway import GatewaySettings
from radgate_server.settings.imaging import ImagingSettings
from radgate_server.settings.settings import Settings
from tests.fakes.authority import Authority, Pair

SERVERS, CLIENTS = Authority("servers"), Authority("clients")
VIEWER = "email:viewer@hospital.example"
SEARCH = "/radgate.v1.QueryService/SearchStudies"
NAMES = ("IP:127.0.0.1", "DNS:localhost")
OWN_CONNECTION = (("grpc.use_local_subchannel_pool", 1), ("grpc.max_reconnect_backoff_ms", 200))


@asynccontextmanager
async def running(folder: Path, *, ask_clients: bool) -> AsyncIterator[str]:
    """A server without Envoy, and a tenant without PACS; where its gRPC port is."""
    certificate_file, key_file = SERVERS.sign(*NAMES).write(folder, "server")
    (folder / "clients.pem").write_bytes(CLIENTS.certificate)
    settings = Settings(
        data_dir=folder / "data",
        http_port=0,
        grpc_port=0,
        dicom_port=0,
        metrics_port=0,
        gateway=GatewaySettings(enabled=False),
        imaging=ImagingSettings(workers=1),
        grpc_tls_certificate_file=str(certificate_file),
        grpc_tls_key_file=str(key_file),
        grpc_tls_client_ca_file=str(folder / "clients.pem") if ask_clients else "",
        auth=AuthSettings(certificates=(CertificateSettings(name=VIEWER, tenants=("north",), role="viewer"),)),
    )
    async with build_app(settings) as app:
        await app.admin.create_tenant(Caller(Principal("test", ("*",), Role.ADMIN), "", "local", "", "test"), "north")
        yield f"127.0.0.1:{app.grpc_port}"


async def code_of(address: str, client: Pair | None = None, *, trusted: Authority = SERVERS) -> grpc.StatusCode:
    """How a search ends on a connection of its own; a server that is not trusted is UNAVAILABLE."""
    pair = (client.key, client.certificate) if client else (None, None)
    credentials = grpc.ssl_channel_credentials(trusted.certificate, *pair)
    async with grpc.aio.secure_channel(address, credentials, options=OWN_CONNECTION) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary(SEARCH)(b"", timeout=20)
    return caught.value.code()


async def test_a_client_certificate_stands_for_its_name(tmp_path: Path) -> None:
    async with running(tmp_path, ask_clients=True) as address:
        # The tenant has no PACS: whoever gets as far as to hear that is known.
        assert await code_of(address, CLIENTS.sign(VIEWER)) is grpc.StatusCode.FAILED_PRECONDITION
        assert await code_of(address, CLIENTS.sign("email:other@hospital.example")) is grpc.StatusCode.UNAUTHENTICATED
        assert await code_of(address, Authority("clients").sign(VIEWER)) is grpc.StatusCode.UNAVAILABLE
        assert await code_of(address) is grpc.StatusCode.UNAVAILABLE


async def test_a_renewed_certificate_is_shown_to_new_connections(tmp_path: Path) -> None:
    renewed = Authority("renewed")
    async with running(tmp_path, ask_clients=False) as address:
        assert await code_of(address) is grpc.StatusCode.UNAUTHENTICATED
        assert await code_of(address, trusted=renewed) is grpc.StatusCode.UNAVAILABLE
        renewed.sign(*NAMES).write(tmp_path, "server")
        credentials = grpc.ssl_channel_credentials(renewed.certificate)
        async with grpc.aio.secure_channel(address, credentials, options=OWN_CONNECTION) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await channel.unary_unary(SEARCH)(b"", timeout=30, wait_for_ready=True)
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
        assert await code_of(address) is grpc.StatusCode.UNAVAILABLE
