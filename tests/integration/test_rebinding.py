"""A name that had a public address when its PACS was added, and has another one when it is connected to."""

import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from radgate_server.core.access.tenancy import ANY_TENANT, Caller, Principal, Role
from radgate_server.core.errors import PacsError, PacsUnreachableError
from radgate_server.core.pacs.connections import (
    DicomWebConnection,
    DimseConnection,
    HttpAuth,
    HttpAuthMethod,
    OrthancConnection,
    PacsConnection,
)
from radgate_server.core.pacs.detection import DetectTarget
from radgate_server.core.pacs.setup import PacsSetup
from radgate_server.core.secrets.secret import Secret
from radgate_server.installation.administration import open_admin
from radgate_server.installation.gate import Purpose
from radgate_server.services.administration.tenants import AdminService
from radgate_server.settings.settings import Settings
from tests.integration.odd_web_server import OddWebServer, Reply, odd_web_server

OPERATOR = Caller(Principal("operator", (ANY_TENANT,), Role.ADMIN), "east", "127.0.0.1", "test", "test")
TENANT = Caller(Principal("tenant", ("east",), Role.ADMIN), "east", "127.0.0.1", "test", "test")
NAME, PUBLIC, LOCAL = "pacs.example", "198.41.0.4", "127.0.0.1"


class LyingResolver:
    """What stands in for the system's: `address` is that of NAME and of nothing else."""

    def __init__(self) -> None:
        self.address = PUBLIC
        self._resolve = socket.getaddrinfo

    def __call__(self, host: Any, *arguments: Any, **options: Any) -> Any:
        return self._resolve(self.address if host in (NAME, NAME.encode()) else host, *arguments, **options)


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> LyingResolver:
    resolver = LyingResolver()
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    return resolver


@pytest.fixture
async def inside() -> AsyncIterator[OddWebServer]:
    """A service of this machine that tenants may not reach."""
    async with odd_web_server(lambda _: Reply(404)) as server:
        yield server


def settings(folder: Path, *networks: str) -> Settings:
    return Settings(data_dir=folder, pacs={"allowed_networks": networks})  # type: ignore[arg-type]


def connections(port: int) -> dict[str, PacsConnection]:
    url = f"http://{NAME}:{port}"
    token = HttpAuth(HttpAuthMethod.OAUTH2, username="id", token_url=f"{url}/token")
    key = HttpAuth(HttpAuthMethod.API_KEY, header="metadata-flavor")
    return {
        "dimse": DimseConnection(NAME, port, "PACS", "RADGATE"),
        "dicomweb": DicomWebConnection(url, auth=key, password=Secret("Google")),
        "orthanc": OrthancConnection(url),
        "token": DicomWebConnection(f"http://{PUBLIC}:{port}", auth=token, password=Secret("s")),
    }


async def add(admin: AdminService, caller: Caller, name: str, connection: PacsConnection) -> None:
    await admin.pacs.create(caller, name, PacsSetup(connection), skip_validation=True)


@pytest.mark.parametrize("kind", ["dimse", "dicomweb", "orthanc", "token"])
async def test_a_name_that_moves_inside_is_not_followed(
    tmp_path: Path, resolver: LyingResolver, inside: OddWebServer, kind: str
) -> None:
    connection = connections(inside.port)[kind]
    async with open_admin(settings(tmp_path), Purpose.BEGIN) as admin:
        await admin.create_tenant(OPERATOR, "east")
        await add(admin, TENANT, "moving", connection)
        resolver.address = LOCAL
        with pytest.raises(PacsUnreachableError) as refused:
            await admin.pacs.test(TENANT, "moving")
        assert kind == "token" or "not open to tenants" in str(refused.value)
        report = await admin.pacs.validate(TENANT, "moving")
        assert (report.passed, inside.connections) == (False, 0)

        await add(admin, OPERATOR, "trusted", connection)  # who runs the machine may lead anywhere
        with pytest.raises(PacsError):
            await admin.pacs.test(OPERATOR, "trusted")
        assert inside.connections > 0


async def test_a_network_that_is_opened_is_reached_by_the_name(
    tmp_path: Path, resolver: LyingResolver, inside: OddWebServer
) -> None:
    async with open_admin(settings(tmp_path, "127.0.0.0/8"), Purpose.BEGIN) as admin:
        await admin.create_tenant(OPERATOR, "east")
        await add(admin, TENANT, "moving", connections(inside.port)["dicomweb"])
        resolver.address = LOCAL
        with pytest.raises(PacsError):
            await admin.pacs.test(TENANT, "moving")
    assert {asked.headers["host"] for asked in inside.asked} == {f"{NAME}:{inside.port}"}


async def test_detection_is_confined_to_where_the_name_led_first(
    tmp_path: Path, resolver: LyingResolver, inside: OddWebServer
) -> None:
    async def dial(*_: object) -> None:
        resolver.address = LOCAL  # the port was found open at the public address

    async with open_admin(settings(tmp_path), Purpose.BEGIN) as admin:
        await admin.create_tenant(OPERATOR, "east")
        detector = admin.pacs._detector
        detector._dial = dial
        await admin.pacs.detect(TENANT, DetectTarget(NAME, inside.port))
    assert inside.connections == 0


async def test_an_operator_who_changes_something_else_does_not_open_the_way(
    tmp_path: Path, resolver: LyingResolver, inside: OddWebServer
) -> None:
    async with open_admin(settings(tmp_path), Purpose.BEGIN) as admin:
        await admin.create_tenant(OPERATOR, "east")
        await add(admin, TENANT, "moving", connections(inside.port)["orthanc"])

        def widen(setup: PacsSetup) -> PacsSetup:
            assert isinstance(setup.connection, OrthancConnection)
            return replace(setup, connection=replace(setup.connection, max_connections=3))

        await admin.pacs.update(OPERATOR, "moving", widen, skip_validation=True)
        resolver.address = LOCAL
        with pytest.raises(PacsUnreachableError, match="not open to tenants"):
            await admin.pacs.test(OPERATOR, "moving")
        assert inside.connections == 0
